/** What the network's worker is started with: what home, settings and members say of it. */
import path from 'node:path'
import { encodeBase32 } from '../bytes/base32.ts'
import { countsMemory } from '../concurrency/counters.ts'
import type { NetworkIdentity } from '../net/member.ts'
import type { Membership } from '../net/membership.ts'
import type { NetworkStart } from '../net/network-calls.ts'
import { isSet } from './config.ts'
import type { Home } from './home.ts'

/** The members are those of the moment. */
export function networkStart(home: Home, membership: Membership, memory: SharedArrayBuffer): NetworkStart {
  const { config } = home
  return {
    ...pairingStart(home.dir, home.identitySeed, membership.identity),
    statements: membership.statements(),
    joining: false,
    listen: {
      port: config.port,
      explicit: isSet(home.configFile, 'port'),
      ...(config.listenHosts === 'all' ? {} : { hosts: listOf(config.listenHosts) }),
    },
    bootstrap: config.bootstrap === 'none' ? [] : listOf(config.bootstrap),
    mdns: config.mdns === 'on',
    bitswap: config.bitswap === 'on',
    fetchTimeoutMs: config.fetchTimeoutSeconds * 1000,
    memory,
    counts: countsMemory,
  }
}

/** Only to join a network: it knows nobody, and nobody is to find it. */
export function pairingStart(homeDir: string, identitySeed: Buffer, identity: NetworkIdentity): NetworkStart {
  return {
    identitySeed,
    networkId: encodeBase32(identity.network),
    identity,
    statements: [],
    joining: true,
    listen: { port: 0, hosts: ['127.0.0.1'] },
    datastoreDir: path.join(homeDir, 'peers'),
    bootstrap: [],
    mdns: false,
    blocksDir: path.join(homeDir, 'blocks'),
    fetchTimeoutMs: 1000,
    bitswap: false,
    memory: new SharedArrayBuffer(0),
    counts: countsMemory,
  }
}

export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}
