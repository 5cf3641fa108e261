import { test } from 'node:test'
import { DfsError } from '../../../src/errors.ts'
import { MemberSync } from '../../../src/net/member-sync.ts'
import { Membership } from '../../../src/net/membership.ts'
import type { DfsNode } from '../../../src/net/node.ts'

const identity = { kind: 'private', network: Buffer.alloc(32, 1), owner: Buffer.alloc(32, 1) } as const

test('a member that hung up is told again while it is connected', async () => {
  const second = Promise.withResolvers<void>()
  let opened = 0
  const node = {
    peerId: 'self',
    connectedMembers: () => ['peer'],
    onMember: () => () => {},
    handle: async () => {},
    open: () => {
      if (++opened === 2) second.resolve()
      return Promise.reject(new DfsError('unreachable', 'hung up'))
    },
  }
  const sync = new MemberSync({ node: node as unknown as DfsNode, membership: new Membership(identity, []) })
  const keepsAlive = setTimeout(() => second.reject(new Error('not told again')), 5_000)
  await sync.start()
  await second.promise
  clearTimeout(keepsAlive)
  sync.stop()
})
