// All sentences that tell of a failure, read out of the sources: with "…" for what varies, and the words that may
// stand there as far as they are in the sources, too.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export const root = join(import.meta.dirname, '..', '..');
export type Sentence = { text: string; fillings: Set<string>; where: string };

const ROOMS = ['protocol', 'main', 'relay', 'renderer'];
/** What it throws goes to the client as a detail that nobody is shown. */
const UNSEEN_FILE = 'relay/connection.ts';
const UNSEEN_CODE = 'malformed';
/** Its sentences are what a state says, and not all of one property. */
const STATE_FILE = 'main/updates.ts';
/** Properties that carry a sentence by themselves, in the rooms behind the window. */
const CARRIERS = ['headline', 'message'];

const hasWords = (text: string): boolean => /[a-z] |[a-z]$/i.test(text) && text.includes(' ');

export function failureSentences(): Sentence[] {
  const files = ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((name) => `${room}/${name}`),
  );
  const program = ts.createProgram(
    files.filter((name) => name.endsWith('.ts')).map((name) => join(root, name)),
    { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ESNext, allowImportingTsExtensions: true },
  );
  const checker = program.getTypeChecker();
  const own = program
    .getSourceFiles()
    .filter(({ fileName }) => files.some((name) => fileName === join(root, name)));
  const pages = files
    .filter((name) => name.endsWith('.vue'))
    .map((name) => {
      const script = /<script[^>]*>([^]*?)<\/script>/.exec(readFileSync(join(root, name), 'utf8'))?.[1] ?? '';
      return ts.createSourceFile(join(root, name), script, ts.ScriptTarget.ESNext, true);
    });

  function symbolAt(node: ts.Node): ts.Symbol | undefined {
    const symbol = checker.getSymbolAtLocation(node);
    return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }
  const declarationOf = (node: ts.Node): ts.Declaration | undefined => symbolAt(node)?.declarations?.[0];

  const calls = new Map<ts.Symbol, ts.CallExpression[]>();
  for (const file of own) {
    visit(file, (node) => {
      const symbol = ts.isCallExpression(node) && symbolAt(node.expression);
      if (symbol) calls.set(symbol, [...(calls.get(symbol) ?? []), node]);
    });
  }

  /** What an expression may say. */
  function texts(node: ts.Expression): string[] {
    if (ts.isStringLiteralLike(node)) return [node.text];
    if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return texts(node.expression);
    if (ts.isConditionalExpression(node)) return [...texts(node.whenTrue), ...texts(node.whenFalse)];
    if (ts.isTemplateExpression(node)) {
      return [node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('')];
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
      return texts(node.left).flatMap((left) => texts(node.right).map((right) => left + right));
    }
    const declaration = ts.isIdentifier(node) ? declarationOf(node) : undefined;
    if (declaration && ts.isVariableDeclaration(declaration) && declaration.initializer) {
      return texts(declaration.initializer);
    }
    return ['…'];
  }

  /** All words that an expression may hold, wherever in the sources they stand. */
  function words(node: ts.Node, found = new Set<string>(), seen = new Set<ts.Node>()): Set<string> {
    if (seen.has(node)) return found;
    seen.add(node);
    const follow = (other: ts.Node | undefined): void => void (other && words(other, found, seen));
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isBinaryExpression(node)) {
      for (const text of texts(node)) if (hasWords(text)) found.add(text);
    }
    if (ts.isTemplateExpression(node)) node.templateSpans.forEach(({ expression }) => follow(expression));
    else if (ts.isBinaryExpression(node)) {
      const isSum = node.operatorToken.kind === ts.SyntaxKind.PlusToken;
      (isSum ? [...holes(node.left), ...holes(node.right)] : [node.left, node.right]).forEach(follow);
    } else if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(follow);
    else if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) follow(node.expression);
    else if (ts.isArrayLiteralExpression(node)) node.elements.forEach(follow);
    else if (ts.isObjectLiteralExpression(node)) {
      for (const property of node.properties)
        if (ts.isPropertyAssignment(property)) follow(property.initializer);
    } else if (ts.isElementAccessExpression(node)) follow(node.expression);
    else if (ts.isIdentifier(node)) follow(declarationOf(node));
    else if (ts.isVariableDeclaration(node)) follow(node.initializer);
    else if (ts.isBindingElement(node)) follow(node.parent.parent);
    else if (ts.isParameter(node)) argumentsOf(node).forEach(follow);
    return found;
  }

  /** The parts of an added text that are not its own words. */
  function holes(node: ts.Expression): ts.Node[] {
    if (ts.isStringLiteralLike(node)) return [];
    if (ts.isTemplateExpression(node)) return node.templateSpans.map(({ expression }) => expression);
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
      return [...holes(node.left), ...holes(node.right)];
    return [node];
  }

  function argumentsOf(parameter: ts.ParameterDeclaration): ts.Expression[] {
    const { parent } = parameter;
    const named = ts.isArrowFunction(parent) ? parent.parent : parent;
    const name = (named as ts.VariableDeclaration | ts.FunctionDeclaration).name;
    const symbol = name && symbolAt(name);
    const position = parent.parameters.indexOf(parameter);
    return (symbol ? (calls.get(symbol) ?? []) : []).flatMap((call) => call.arguments[position] ?? []);
  }

  const sentences: Sentence[] = [];
  const add = (message: ts.Expression, file: ts.SourceFile): void => {
    const where = file.fileName.slice(root.length + 1);
    const own = texts(message);
    const fillings = new Set([...words(message)].filter((text) => !own.includes(text)));
    for (const text of own) sentences.push({ text, fillings, where });
  };
  for (const file of [...own, ...pages]) {
    if (file.fileName === join(root, UNSEEN_FILE)) continue;
    const [room = ''] = file.fileName.slice(root.length + 1).split('/');
    visit(file, (node) => {
      if (
        file.fileName === join(root, STATE_FILE) &&
        (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) &&
        /^[A-Z].* .*\.$/.test(texts(node)[0]!)
      )
        add(node, file);
      if (ts.isNewExpression(node)) {
        const made = node.expression.getText(file);
        const [first, second] = node.arguments ?? [];
        if (made === 'InvalidArgumentError') add(first!, file);
        if (made === 'Failure' && first && second && !first.getText(file).includes(UNSEEN_CODE))
          add(second, file);
      }
      if (
        ts.isCallExpression(node) &&
        /^(command\.error|dialog\.showErrorBox)$/.test(node.expression.getText(file))
      )
        node.arguments.forEach((argument) => add(argument, file));
      if (
        ts.isPropertyAssignment(node) &&
        /^(main|renderer)$/.test(room) &&
        CARRIERS.includes(node.name.getText(file)) &&
        ts.isStringLiteralLike(node.initializer)
      )
        add(node.initializer, file);
    });
  }
  return sentences.filter(({ text, fillings }) => hasWords(text) || fillings.size > 0);
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}
