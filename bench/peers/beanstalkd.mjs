// beanstalkd: https://beanstalkd.github.io, with a sync for each write (-f 0, its manual page): an
// answer then means as much as a commit of Postgres. Its protocol is spoken here directly.
import { spawn } from 'node:child_process';
import net from 'node:net';
import { scratchFolder, sleep } from './common.mjs';

const port = 38301;

/** A connection that answers commands in order. */
class Connection {
  constructor() {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.waiting = [];
    this.buffer = Buffer.alloc(0);
    this.socket.on('data', (data) => this.read(data));
    this.socket.on('error', () => {});
  }

  read(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const end = this.buffer.indexOf('\r\n', 0, 'latin1');
      if (end < 0) return;
      const line = this.buffer.toString('latin1', 0, end);
      const reserved = /^RESERVED (\d+) (\d+)/.exec(line);
      let next = end + 2;
      let answer = line;
      if (reserved) {
        const length = Number(reserved[2]);
        if (this.buffer.length < next + length + 2) return;
        answer = { id: reserved[1], body: this.buffer.toString('utf8', next, next + length) };
        next += length + 2;
      }
      this.buffer = this.buffer.subarray(next);
      this.waiting.shift()?.(answer);
    }
  }

  send(command) {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.socket.write(command);
    });
  }

  put(job) {
    const body = JSON.stringify(job);
    return this.send(`put 1024 0 60 ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  }
}

export default {
  drainJobsMax: 10_000, // each is a sync, and so is its end
  async init() {
    const log = scratchFolder('beanstalkd');
    const args = ['-l', '127.0.0.1', '-p', String(port), '-b', log, '-f', '0'];
    this.server = spawn('beanstalkd', args, { stdio: 'ignore' });
    await sleep(400);
  },
  async shutdown() {
    this.server.kill();
    await sleep(200);
  },
  async producer(clients) {
    const connections = Array.from({ length: clients }, () => new Connection());
    let next = 0;
    return {
      one: (job) => connections[next++ % clients].put(job),
      close: async () => connections.forEach((connection) => connection.socket.destroy()),
    };
  },
  async consumer(_tuning, concurrency, handle) {
    const connections = Array.from({ length: concurrency }, () => new Connection());
    let stop = false;
    const loop = async (connection) => {
      while (!stop) {
        const job = await connection.send('reserve\r\n');
        handle(JSON.parse(job.body));
        await connection.send(`delete ${job.id}\r\n`);
      }
    };
    connections.forEach((connection) => loop(connection).catch(() => {}));
    return async () => {
      stop = true;
      connections.forEach((connection) => connection.socket.destroy());
    };
  },
};
