/** `dfs ui` running in a place, and its requests without a browser. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import type { Place } from './place.ts'
import { type Ending, within } from './process.ts'

const START_MS = 40_000
const END_MS = 20_000
const ANSWER_MS = 30_000

export interface RunningUi {
  /** As it was printed. */
  readonly link: string
  /** Where it is. */
  readonly origin: string
  /** As Ctrl-C ends it; resolves with the exit code. */
  end(): Promise<number | null>
}

/** Runs until `t` ends at the latest. */
export async function startUi(t: Ending, place: Place, ...args: string[]): Promise<RunningUi> {
  const [program, ...before] = place.command
  const child = spawn(program, [...before, 'ui', '--no-open', ...args], {
    env: place.env,
    cwd: place.root,
    ...(place.user && { uid: place.user.uid, gid: place.user.gid }),
  })
  t.after(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (bytes) => (stderr += bytes))
  const ended = once(child, 'close')
  const printed = once(createInterface({ input: child.stdout }), 'line')
  const died = ended.then(([code]) => Promise.reject(new Error(`dfs ui ended with ${code}: ${stderr}`)))
  died.catch(() => undefined)
  const [link] = await within(START_MS, Promise.race([printed, died]), 'dfs ui')
  const end = async () => {
    child.kill('SIGINT')
    const [code] = await within(END_MS, ended, 'dfs ui to end')
    return code as number | null
  }
  return { link, origin: new URL(link).origin, end }
}

export interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
}

export interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** Sends exactly these headers, also those that a browser makes itself; follows no redirect. */
export async function send(address: string, { method = 'GET', headers = {}, body }: Sent = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const { hostname, port, pathname, search } = new URL(address)
  const sent = request({ hostname, port, path: pathname + search, method, headers, agent: false }, async (response) => {
    const pieces: Buffer[] = []
    for await (const piece of response) pieces.push(piece)
    resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(pieces).toString() })
  })
  sent.on('error', reject).end(body)
  return within(ANSWER_MS, promise, `${method} ${address}`)
}

/** What the browser keeps of a link that is opened: the cookie to send. */
export async function openLink(link: string): Promise<string> {
  const { status, headers, text } = await send(link)
  const cookie = headers['set-cookie']?.[0]
  if (status !== 303 || cookie === undefined) throw new Error(`${status}: ${text}`)
  return cookie.split(';')[0]!
}
