// Where a utility process begins: process.parentPort over Node's own channel, then the module.
import { EventEmitter } from 'node:events';
import { pathToFileURL } from 'node:url';

const send = process.send!.bind(process);
delete process.send;
const port = Object.assign(new EventEmitter(), { postMessage: (message: unknown) => void send(message) });
// "Messages received on this port will be queued up until a handler is registered for this event." Node does so, too.
port.once('newListener', () => {
  process.nextTick(() => process.on('message', (data) => port.emit('message', { data, ports: [] })));
});
process.on('disconnect', () => process.exit()); // it never outlives the app
// Nor does it end by itself when nothing is left to do (electron/electron#47228).
setInterval(() => {}, 2 ** 30);
Object.defineProperties(process, { parentPort: { value: port }, type: { value: 'utility' } });
process.argv.splice(1, 1);
await import(pathToFileURL(process.argv[1]!).href);
