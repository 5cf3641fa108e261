/** What `setup` has to know: from its flags, else asked at the terminal, else what it would propose. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import path from 'node:path'
import { DfsError } from '../../errors.ts'
import { resolvePath } from '../paths.ts'
import type { Questions } from '../questions.ts'

export interface SetupOptions {
  yes?: boolean
  folder?: string
  port?: string
  service: boolean
  user?: boolean
  linger?: boolean
  link: boolean
  bin?: string
  name?: string
  json?: boolean
}

export interface Answers {
  /** Absolute, and perhaps not there yet. */
  readonly folder: string
  /** What it is set to; undefined: as it is. */
  readonly port: number | undefined
  readonly service: boolean
}

export interface Proposals {
  readonly folder: string
  /** The setting, as it is. */
  readonly port: number
  /** Whether a service manager that can be set up runs. */
  readonly service: boolean
  /** There is no home yet, so that no daemon of it has the port. */
  readonly isNew: boolean
}

/** Without `questions` nothing is asked; fails with `needs-confirmation` where that leaves something open. */
export async function answersOf(
  questions: Questions | undefined,
  options: SetupOptions,
  proposals: Proposals,
): Promise<Answers> {
  const isComplete = options.folder !== undefined && options.port !== undefined
  if (questions === undefined && !options.yes && !isComplete) {
    throw new DfsError('needs-confirmation', 'which folder and which port cannot be asked without a terminal', {
      op: 'setup',
      mend: 'give --folder and --port, or take what is proposed with --yes',
    })
  }
  return {
    folder: await folderOf(questions, options, proposals),
    port: await portOf(questions, options, proposals),
    service: await serviceOf(questions, options, proposals),
  }
}

async function folderOf(
  questions: Questions | undefined,
  { folder }: SetupOptions,
  proposals: Proposals,
): Promise<string> {
  const question = `Which folder is to be kept encrypted, and shown as an ordinary one? [${proposals.folder}] `
  const typed = folder ?? (await questions?.ask(question, proposals.folder)) ?? proposals.folder
  return resolvePath(typed.replace(/^~(?=\/|$)/, homedir()))
}

async function portOf(
  questions: Questions | undefined,
  { port }: SetupOptions,
  { port: set, isNew }: Proposals,
): Promise<number | undefined> {
  if (port !== undefined) return parsePort(port)
  if (questions === undefined) return undefined
  const note = !isNew || (await isFree(set)) ? '' : ' (taken by another program now)'
  const answered = parsePort(
    await questions.ask(`At which TCP port may your other devices reach this one? [${set}]${note} `, String(set)),
  )
  return answered === set ? undefined : answered
}

async function serviceOf(
  questions: Questions | undefined,
  { service }: SetupOptions,
  proposals: Proposals,
): Promise<boolean> {
  if (!service || !proposals.service) return false
  return (
    questions === undefined || questions.confirm('Is it to be there whenever you log in (a service of systemd)?', true)
  )
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new DfsError('usage', `"${text}" is no port`, { mend: 'give a number up to 65535; 0 takes any that is free' })
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port), 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** What is proposed where nobody said anything yet. */
export function defaultFolder(): string {
  return path.join(homedir(), 'cloud')
}
