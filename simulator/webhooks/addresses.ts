import { BlockList, isIP } from 'node:net';

/** Loopback, private, link-local, carrier and benchmark nets, and what is no unicast at all. IPv4 inside IPv6 counts as IPv4. */
const PRIVATE_NETS = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE_NETS.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  PRIVATE_NETS.addSubnet(net, bits, 'ipv6');
}

/** An address, or a name that can only be one of somebody's own net. Other names are not resolved: nobody is asked. */
function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.$/g, '');
  const family = isIP(host);
  if (family !== 0) return PRIVATE_NETS.check(host, family === 4 ? 'ipv4' : 'ipv6');
  return !host.includes('.') || /\.(localhost|local|internal)$/.test(host);
}

/**
 * Why a webhook URL is refused, or undefined. Conduit delivers to public hosts over HTTPS alone; with `allowHttp` plain HTTP is
 * taken as well, to whatever host, since a receiver on a developer's machine has neither a certificate nor a public address.
 */
export function webhookUrlFault(text: string, allowHttp: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) return 'is not a URL';
  if (url.protocol === 'http:' && allowHttp) return undefined;
  if (url.protocol !== 'https:') {
    return 'must be HTTPS; SIMULATOR_ALLOW_HTTP_WEBHOOKS=true lets the simulator take plain HTTP';
  }
  return isPrivateHost(url.hostname) ? 'must not be a private address' : undefined;
}
