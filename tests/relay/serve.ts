// A relay as a process of its own, to be killed: `node serve.ts FOLDER`. Prints its port and its key.
import pino from 'pino';
import { startRelay } from '../../relay/server.ts';

const [, , data = ''] = process.argv;
const log = pino({ level: 'silent' });
const { port, key } = await startRelay({ data, port: 0, host: '127.0.0.1', log });
console.log(JSON.stringify({ port, key: key.toString('hex') }));
