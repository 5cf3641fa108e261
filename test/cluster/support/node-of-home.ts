/** A libp2p node with the identity and the network of a home, for programs that then misbehave; its daemon must not run. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { encodeBase32 } from '../../../src/bytes/base32.ts'
import { Home } from '../../../src/daemon/home.ts'
import { decodeStatementSet } from '../../../src/format/membership.ts'
import { MemberSync } from '../../../src/net/member-sync.ts'
import { Membership } from '../../../src/net/membership.ts'
import { createNode, type DfsNode } from '../../../src/net/node.ts'

export interface HomeNode {
  readonly node: DfsNode
  readonly networkId: string
}

/** Takes everybody for a member, and shows what the home knows. */
export async function nodeOfHome(dir: string, address: string): Promise<HomeNode> {
  const home = Home.open(dir)
  const networkId = encodeBase32(home.network.network)
  const membership = new Membership(home.network, decodeStatementSet(readFileSync(path.join(dir, 'members'))))
  const node = await createNode({
    identitySeed: home.identitySeed,
    networkId,
    listen: { port: 8080, hosts: [address] },
    datastoreDir: path.join(dir, 'rogue'),
    isMember: () => true,
  })
  await new MemberSync({ node, membership }).start()
  return { node, networkId }
}
