/** Pairing, friends and removal, between real daemons on loopback. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { type Device, invite, newDevice, pair } from '../support/device.ts'
import { until } from '../support/process.ts'
import { carryStubs, connected, putFiles, stopDaemon } from '../support/sharing.ts'

const PORTION = 1_500_000

test('a device joins with a ticket, and reads what the other one has', async (t) => {
  const [laptop, phone] = [await newDevice(t), await newDevice(t)]
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, phone)
  const content = randomBytes(PORTION)
  await putFiles(laptop, { large: content, small: Buffer.from('hello') })
  carryStubs(laptop, phone)
  await laptop.dfsOk(['mount', laptop.folder])
  await phone.dfsOk(['mount', phone.folder])
  await connected(phone)
  assert.deepEqual(await readFile(path.join(phone.folder, 'small')), Buffer.from('hello'))
  assert(content.equals(await readFile(path.join(phone.folder, 'large'))))

  const { devices } = await phone.json('devices')
  assert.deepEqual(
    devices.map(({ own }: { own: boolean }) => own),
    [true, true],
  )
  assert.equal((await phone.json('id')).owner, (await laptop.json('id')).owner)
  assert.equal((await phone.json('status')).network.connected, 1)
})

test('a ticket is good for one attempt, and for the device it was made by', async (t) => {
  const [laptop, phone, other] = [await newDevice(t), await newDevice(t), await newDevice(t)]
  await laptop.dfsOk(['init'])
  const first = await invite(laptop)
  await phone.dfsOk(['join', first.ticket])
  assert.equal((await first.ended).code, 0)
  const again = await other.dfs(['join', first.ticket])
  assert.equal(again.code, 10, again.stderr)
  assert.match(again.stderr, /^dfs: .*cannot be reached/)
  assert(!existsSync(path.join(other.home, 'personal.key')))

  // Another ticket's secret does not open this one.
  const second = await invite(laptop)
  const mixed = await other.dfs(['join', first.ticket])
  assert.equal(mixed.code, 10, mixed.stderr)
  assert.notEqual((await second.ended).code, 0)
  assert.equal((await other.dfs(['join', second.ticket])).code, 10)
  const mistyped = await other.dfs(['join', `${second.ticket.slice(0, -1)}x`])
  assert.deepEqual({ code: mistyped.code, stdout: mistyped.stdout }, { code: 2, stdout: '' })
})

test("a friend's device is in, and reads nothing", async (t) => {
  const [laptop, friend] = [await newDevice(t), await newDevice(t)]
  await laptop.dfsOk(['init', '--name', 'laptop'])
  await pair(laptop, friend, '--member')
  const keyOf = ({ home }: Device) => /key: (\S+)/.exec(readFileSync(path.join(home, 'personal.key'), 'utf8'))?.[1]
  assert.notEqual(keyOf(friend), keyOf(laptop))
  // What the daemon reads anew it has in the order of the statements' bytes.
  await stopDaemon(laptop)
  const { devices } = await laptop.json('devices')
  assert.deepEqual(
    devices.map(({ own }: { own: boolean }) => own),
    [true, false],
  )
  await putFiles(laptop, { secret: Buffer.from('for me alone') })
  const [stub] = readdirSync(laptop.folder).filter((name) => name.endsWith('.f'))
  copyFileSync(path.join(laptop.folder, stub!), path.join(friend.root, stub!))
  assert.equal((await friend.dfs(['cat', path.join(friend.root, stub!)])).code, 9)
  const refused = await friend.dfs(['invite', '--member', '--yes'])
  assert.equal(refused.code, 5, refused.stderr)
})

test('joining is refused where files would be lost', async (t) => {
  const [laptop, other] = [await newDevice(t), await newDevice(t)]
  await laptop.dfsOk(['init'])
  await putFiles(other, { mine: Buffer.from('mine') })
  const { ticket } = await invite(laptop)
  const { code, stderr } = await other.dfs(['join', ticket])
  assert.equal(code, 4)
  assert.match(stderr, /has folders.*set DFS_HOME/)
})

test('a removed device is cut off and says so; the others go on with a new key', async (t) => {
  const [laptop, phone, lost] = [await newDevice(t), await newDevice(t), await newDevice(t)]
  const { kit: firstKit } = await laptop.json('init', '--name', 'laptop')
  await pair(laptop, phone)
  await pair(laptop, lost)
  await putFiles(laptop, { before: randomBytes(PORTION) })
  for (const device of [phone, lost]) carryStubs(laptop, device)
  for (const device of [laptop, phone, lost]) await device.dfsOk(['mount', device.folder])
  for (const device of [phone, lost]) await connected(device)

  const { device } = await lost.json('id')
  const { kit } = await laptop.json('devices', 'remove', device)
  assert.match(kit, /recovery kit/)
  await until('the lost device knows', async () => (await lost.json('devices')).network.removed)
  assert.match(await lost.dfsOk(['status']), /REMOVED/)
  assert.match(readFileSync(path.join(lost.home, 'daemon.log'), 'utf8'), /was removed from its network/)
  assert.equal((await lost.json('peers')).peers.length, 0)
  await assert.rejects(readFile(path.join(lost.folder, 'before')), { code: 'EIO' })

  await until('the phone has the new key', () => {
    const keyFile = (one: Device) => readFileSync(path.join(one.home, 'personal.key'), 'utf8')
    return keyFile(phone) === keyFile(laptop)
  })
  const after = randomBytes(PORTION)
  await writeFile(path.join(laptop.folder, 'after'), after)
  await laptop.dfsOk(['umount', laptop.folder])
  const stub = path.join(laptop.root, 'after.f')
  copyFileSync(path.join(laptop.folder, 'after.f'), stub)
  copyFileSync(path.join(laptop.folder, 'before.f'), path.join(laptop.root, 'before.f'))
  await laptop.dfsOk(['mount', laptop.folder])
  await connected(phone)
  for (const reader of [phone, lost]) copyFileSync(stub, path.join(reader.root, 'after.f'))
  assert.equal((await lost.dfs(['cat', path.join(lost.root, 'after.f')])).code, 9)
  const shown = await phone.dfs(['cat', path.join(phone.root, 'after.f')])
  assert(after.equals(shown.stdoutBytes), shown.stderr)
  assert((await readFile(path.join(phone.folder, 'before'))).length === PORTION, 'what is older stays readable')

  // From the new kit alone: the same owner, who is let in and reads what is older, too.
  const laptopAt = (await laptop.json('peers')).network.addresses[0]
  const fresh = await newDevice(t)
  const recovered = JSON.parse(await fresh.dfsOk(['recover', '--json', '--via', laptopAt, '-'], { input: kit }))
  assert.partialDeepStrictEqual(recovered, { owner: (await laptop.json('id')).owner, members: 3 })
  copyFileSync(stub, path.join(fresh.folder, 'after.f'))
  copyFileSync(path.join(laptop.root, 'before.f'), path.join(fresh.folder, 'before.f'))
  await fresh.dfsOk(['mount', fresh.folder])
  await connected(fresh)
  assert((await readFile(path.join(fresh.folder, 'after'))).equals(after))
  assert.equal((await readFile(path.join(fresh.folder, 'before'))).length, PORTION)
  const { devices } = await fresh.json('devices')
  assert(!devices.some((one: { device: string }) => one.device === device), 'what was removed stays so')
  assert.equal(devices.length, 3)

  const outdated = await (await newDevice(t)).dfsOk(['recover', '--via', laptopAt, '-'], { input: firstKit })
  assert.match(outdated, /not connected yet: .*newest recovery kit/)
  const short = (kit as string).replace(/^older.*$/m, '')
  const refused = await (await newDevice(t)).dfs(['recover', '-'], { input: short })
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /^dfs: the line "older 0" is missing[^\n]*\n$/)
})
