/** What `dfs status` tells a person: what is wrong first, then folders, space, devices and copies. */
import type { ContentStates, FolderStatus, ReplicationStatus, StatusResult } from '../daemon/control-api.ts'
import { describeNetwork } from './commands/devices.ts'
import type { Line } from './lines.ts'
import { formatBytes, formatCount, formatSeconds, formatTable } from './output.ts'

const FREE_BYTES_GOOD = 1024 ** 3

export function describeStatus(status: StatusResult): Line[] {
  const { home, folders, store, network, replication, file, below } = status
  const { blocks, bytes, diskFreeBytes } = store
  const problems = problemsOf(status)
  return [
    ...problems,
    ...(problems.length === 0 ? [] : ['']),
    ...(file === undefined ? [] : [`${file.path}: ${file.state}, ${formatBytes(file.size)}`, '']),
    ...(file !== undefined || below === undefined ? [] : [below.path, ...table(rowsOf(below.content)), '']),
    ...(folders.length === 0 ? ['no folders yet; "dfs mount FOLDER" makes one'] : folders.flatMap(describeFolder)),
    '',
    `home   ${home}`,
    `store  ${formatCount(blocks, 'block')}, ${formatBytes(bytes)}; ${formatBytes(diskFreeBytes)} free on its disk`,
    ...describeNetwork(network).split('\n').slice(0, 1),
    ...describeReplication(replication, network.members),
  ]
}

function problemsOf({ folders, store, network, replication, below }: StatusResult): Line[] {
  const unreadable = [...folders.map(({ content }) => content), below?.content].flatMap((one) => one?.unreadable ?? [])
  const bad = [
    ...(network.removed ? ['this device was removed from the network: it reaches no other device'] : []),
    ...folders.flatMap(({ folder, problem }) => (problem === undefined ? [] : [`${folder}: ${problem}`])),
    ...folders.flatMap(({ syncProblem }) => syncProblem ?? []),
    ...new Set(unreadable.map(({ path, why }) => `${path}: ${why}`)),
    ...replication.problems,
  ]
  const warn = [
    ...describeNetwork(network).split('\n').slice(1),
    ...(store.diskFreeBytes < FREE_BYTES_GOOD
      ? [`the disk of the home has ${formatBytes(store.diskFreeBytes)} left`]
      : []),
  ]
  return [
    ...bad.map((text) => ({ tone: 'bad' as const, text: `problem  ${text}` })),
    ...warn.map((text) => ({ tone: 'warn' as const, text: `note     ${text}` })),
  ]
}

function describeFolder(status: FolderStatus): Line[] {
  const { folder, files, logicalBytes, storedBytes, journalBytes, problem, mountpoint, driver, content } = status
  const place = mountpoint === folder ? '' : ` at ${mountpoint}`
  const title = `${folder}  ${mountpoint === undefined ? 'not mounted' : `mounted${place} (${driver})`}`
  if (problem !== undefined) return [title]
  const rows = [
    ['  files', String(files)],
    ['  size', `${formatBytes(logicalBytes)}, stored ${formatBytes(storedBytes)}`],
    ['  in the journal', formatBytes(journalBytes)],
    ...(content === undefined ? [] : rowsOf(content)),
  ]
  return [title, ...table(rows)]
}

function rowsOf({ states, bytes, localBytes, plainFiles }: ContentStates): string[][] {
  return [
    ...(plainFiles === 0 ? [] : [['  plain', `${formatCount(plainFiles, 'file')} not taken in; see "dfs add"`]]),
    ...states.map(({ state, files, bytes }) => [`  ${state}`, `${formatCount(files, 'file')}, ${formatBytes(bytes)}`]),
    ['  here', `${formatBytes(localBytes)} of ${formatBytes(bytes)}`],
  ]
}

function table(rows: readonly string[][]): string[] {
  return formatTable(rows).split('\n')
}

function describeReplication(replication: ReplicationStatus, members: number): string[] {
  return members < 2 ? [] : [...describeCopies(replication), ...describeLending(replication)]
}

function describeLending({ lentBytes, offerBytes }: ReplicationStatus): string[] {
  if (offerBytes === 0 && lentBytes === 0) return []
  return [`lends   ${formatBytes(lentBytes)} of ${formatBytes(offerBytes)} offered to other devices`]
}

function describeCopies({ replicas, isDone, bytesPerSecond, secondsLeft }: ReplicationStatus): string[] {
  if (replicas === 0) return []
  if (isDone) return [`copies  everything is on ${formatCount(replicas, 'other device')}`]
  const rate = bytesPerSecond === 0 ? 'waiting' : `${formatBytes(bytesPerSecond)}/s`
  const left = secondsLeft === undefined ? '' : `, ${formatSeconds(secondsLeft)} left`
  return [`copies  under way: ${rate}${left}`]
}
