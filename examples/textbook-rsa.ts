// RSA with numbers small enough to follow by hand, and two reasons why nobody may use it like this.

/** base^exponent modulo n, by repeated squaring. */
function power(base: bigint, exponent: bigint, n: bigint): bigint {
  let result = 1n;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * base) % n;
    base = (base * base) % n;
  }
  return result;
}

// A key pair needs two primes. Everything else follows from them (RFC 8017, section 3).
const [p, q, e] = [61n, 53n, 17n];
const n = p * q;
const phi = (p - 1n) * (q - 1n);
let d = 1n;
while ((e * d) % phi !== 1n) d++;
console.log(`two primes        p = ${p}, q = ${q}`);
console.log(`modulus           n = p * q = ${n}`);
console.log(`public exponent   e = ${e}`);
console.log(`private exponent  d = ${d}, because e * d = ${e * d} = ${(e * d) / phi} * ${phi} + 1`);

const encrypt = (m: bigint): bigint => power(m, e, n);
const decrypt = (c: bigint): bigint => power(c, d, n);
const message = 65n;
const sealed = encrypt(message);
console.log(`\nencrypt ${message}:    ${message}^${e} mod ${n} = ${sealed}`);
console.log(`decrypt ${sealed}:  ${sealed}^${d} mod ${n} = ${decrypt(sealed)}`);

const signature = decrypt(message);
console.log(`\nsign ${message}:       ${message}^${d} mod ${n} = ${signature}`);
console.log(`verify ${signature}:    ${signature}^${e} mod ${n} = ${encrypt(signature)}`);

// First reason: the same message always gives the same number, so an eavesdropper can try all likely messages.
let guess = 0n;
while (encrypt(guess) !== sealed) guess++;
console.log(`\nAn eavesdropper encrypted 0, 1, 2, ... with the public key and found the message: ${guess}.`);

// Second reason: products stay products. Whoever multiplies two signatures has a third one, and never had the key.
const forged = (decrypt(2n) * decrypt(3n)) % n;
console.log(`Signatures of 2 and 3, multiplied, verify as a signature of ${encrypt(forged)}.`);
