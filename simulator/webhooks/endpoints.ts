import type { Book } from '../book/book.ts';
import type { Endpoint } from '../book/entries.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { KnobBoard } from '../core/knobs.ts';
import { checkedId, EndpointBody, EndpointPatch, parseBody } from '../wire/bodies.ts';
import { invalid, Problem } from '../wire/problem.ts';
import { webhookUrlFault } from './addresses.ts';
import { newSecret } from './signature.ts';

type EndpointView = Omit<Endpoint, 'secret' | 'formerSecret'>;
/** Only the replies to a creation and to a rotation show the secret. */
type SecretView = EndpointView & { secret: string };

export type Endpoints = {
  create(body: unknown): SecretView;
  list(): EndpointView[];
  get(id: string): EndpointView;
  update(id: string, body: unknown): EndpointView;
  remove(id: string): void;
  rotate(id: string): SecretView;
  /** Makes sure that one endpoint with this URL and secret is there, across restarts too. */
  ensure(url: string, secret: string): void;
  /** The secrets that sign for an endpoint now: its own, and its former one within the grace of a rotation. */
  secretsOf(endpoint: Endpoint): string[];
};

type EndpointsDeps = { book: Book; clock: Clock; knobs: KnobBoard; allowHttp: boolean };

function checkedUrl(text: string, allowHttp: boolean): string {
  const fault = webhookUrlFault(text, allowHttp);
  if (fault !== undefined) throw invalid('/url', fault);
  return text;
}

function view(endpoint: Endpoint): EndpointView {
  const { secret: _secret, formerSecret: _former, ...shown } = endpoint;
  return shown;
}

export function createEndpoints({ book, clock, knobs, allowHttp }: EndpointsDeps): Endpoints {
  function find(id: string): Endpoint {
    const endpoint = book.endpoints.get(checkedId('wep', id));
    if (!endpoint) throw new Problem('NOT_FOUND', `there is no endpoint ${id}`);
    return endpoint;
  }

  function save(endpoint: Endpoint): Endpoint {
    const saved = { ...endpoint, updatedAt: clock.nowIso() };
    book.record({ event: 'endpoint.saved', endpoint: saved });
    return saved;
  }

  function add(url: string, secret: string, rest: Pick<Endpoint, 'description' | 'subscription'>): Endpoint {
    const now = clock.nowIso();
    return save({ id: newId('wep'), url, secret, ...rest, createdAt: now, updatedAt: now });
  }

  return {
    create(body) {
      const { url, description = null, subscription = { mode: 'all' } } = parseBody(EndpointBody, body);
      const endpoint = add(checkedUrl(url, allowHttp), newSecret(), { description, subscription });
      return { ...view(endpoint), secret: endpoint.secret };
    },
    list: () => [...book.endpoints.values()].map(view),
    get: (id) => view(find(id)),
    update(id, body) {
      const endpoint = find(id);
      const patch = parseBody(EndpointPatch, body);
      return view(
        save({
          ...endpoint,
          url: patch.url === undefined ? endpoint.url : checkedUrl(patch.url, allowHttp),
          description: patch.description === undefined ? endpoint.description : patch.description,
          subscription: patch.subscription ?? endpoint.subscription,
        }),
      );
    },
    remove: (id) => book.record({ event: 'endpoint.deleted', endpointId: find(id).id }),
    rotate(id) {
      const endpoint = find(id);
      const untilMs = clock.nowMs() + knobs.scaled(knobs.get().rotationGraceMs);
      const rotated = save({ ...endpoint, secret: newSecret(), formerSecret: { secret: endpoint.secret, untilMs } });
      return { ...view(rotated), secret: rotated.secret };
    },
    ensure(url, secret) {
      const known = [...book.endpoints.values()].find((endpoint) => endpoint.url === url);
      if (!known) add(url, secret, { description: 'from the environment', subscription: { mode: 'all' } });
      else if (known.secret !== secret) save({ ...known, secret });
    },
    secretsOf({ secret, formerSecret }) {
      const former = formerSecret && formerSecret.untilMs > clock.nowMs() ? [formerSecret.secret] : [];
      return [secret, ...former];
    },
  };
}
