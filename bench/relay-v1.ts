// The real relay as a process of its own, without limits on how fast a connection may send: started by post.ts.
import { pino } from 'pino';
import { openSqlite, startRelay } from '../relay/v1/server.ts';
import type { Started, Usage } from './relay.ts';

const [data] = process.argv.slice(2);
if (!data || !process.send) throw new Error('post.ts starts this file, with a folder for the data.');
const relay = await startRelay({
  data,
  stores: openSqlite(data),
  port: 0,
  host: '127.0.0.1',
  log: pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true })),
  limits: { burst: 1e9, perSecond: 1e9 },
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system } satisfies Usage);
});
process.on('disconnect', () => void relay.close());
process.send({ port: relay.port, key: relay.key.toString('base64url') } satisfies Started);
