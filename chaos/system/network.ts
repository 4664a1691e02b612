import { join } from 'node:path';
import { Toxiproxy } from 'toxiproxy-node-client';
import { type Child, startServing } from '../../stack/child.ts';
import { choosePort } from '../../stack/ports.ts';
import { createProgress } from '../../stack/progress.ts';
import { answersHttp } from '../../stack/wait.ts';

/** What a link can suffer. `stream` is seen from who connects: upstream are its requests, downstream its replies. */
export type Toxic =
  | { readonly type: 'timeout'; readonly stream: Stream; readonly timeout: number }
  | { readonly type: 'latency'; readonly stream: Stream; readonly latency: number; readonly jitter: number };
type Stream = 'upstream' | 'downstream';

/** Every connection of the system by a name such as `worker1>temporal`: who connects, and to what. */
export interface Network {
  /** The address that `link` is to connect to in place of `target` (`host:port`). */
  connect(link: string, target: string): Promise<string>;
  /** Refuses and ends the connections of the links whose name begins so. */
  cut(prefix: string): Promise<void>;
  /** A link that suffers from such a toxic already is left as it is. */
  poison(prefix: string, toxic: Toxic): Promise<void>;
  /** Takes every cut and toxic of these links away; of all without a prefix. */
  heal(prefix?: string): Promise<void>;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const quiet = createProgress({ quiet: true });

/** One Toxiproxy, one proxy a link. `program` is its server. */
export async function startNetwork(program: string, logDir: string): Promise<Network> {
  const port = await choosePort('Toxiproxy', 0, 'free', quiet);
  const child: Child = await startServing(
    {
      name: 'toxiproxy',
      command: program,
      args: ['-host', HOST, '-port', String(port)],
      env: process.env,
      logFile: join(logDir, 'toxiproxy.log'),
    },
    () => answersHttp(`http://${HOST}:${port}/version`),
    10_000,
  );
  const toxiproxy = new Toxiproxy(`http://${HOST}:${port}`);
  const addresses = new Map<string, Promise<string>>();
  const toxics = new Map<string, Map<string, { remove(): Promise<void> }>>();
  const turns = new Map<string, Promise<void>>();
  const under = (prefix: string) => [...addresses.keys()].filter((link) => link.startsWith(prefix));
  /** What is done to one link is done in turn, or a heal that meets a poison leaves half of it behind. */
  const inTurn = (link: string, work: (link: string) => Promise<void>): Promise<void> => {
    const turn = (turns.get(link) ?? Promise.resolve()).then(() => work(link));
    turns.set(
      link,
      turn.catch(() => {}),
    );
    return turn;
  };
  const each = async (prefix: string, work: (link: string) => Promise<void>): Promise<void> => {
    const links = under(prefix);
    if (links.length === 0) throw new Error(`no link begins with ${prefix}`);
    await Promise.all(links.map((link) => inTurn(link, work)));
  };
  const open = async (link: string, target: string): Promise<string> => {
    const listen = `${HOST}:${await choosePort(link, 0, 'free', quiet)}`;
    await toxiproxy.createProxy({ name: link, listen, upstream: target });
    return listen;
  };
  const enable = async (link: string, enabled: boolean): Promise<void> => {
    const proxy = await toxiproxy.get(link);
    if (proxy.enabled !== enabled) await proxy.update({ enabled, listen: proxy.listen, upstream: proxy.upstream });
  };

  return {
    connect(link, target) {
      const address = addresses.get(link) ?? open(link, target);
      addresses.set(link, address);
      return address;
    },
    cut: (prefix) => each(prefix, (link) => enable(link, false)),
    poison: (prefix, { type, stream, ...attributes }) =>
      each(prefix, async (link) => {
        const name = `${type}_${stream}`;
        const present = toxics.get(link) ?? new Map();
        if (present.has(name)) return;
        const proxy = await toxiproxy.get(link);
        present.set(name, await proxy.addToxic({ name, type, stream, toxicity: 1, attributes }));
        toxics.set(link, present);
      }),
    heal: (prefix = '') =>
      each(prefix, async (link) => {
        for (const toxic of toxics.get(link)?.values() ?? []) await toxic.remove();
        toxics.delete(link);
        await enable(link, true);
      }),
    stop: async () => void (await child.stop()),
  };
}
