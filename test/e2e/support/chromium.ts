/**
 * A headless Chromium, used as a person uses it: addresses are opened, what is seen is clicked. Spoken to by the DevTools
 * protocol over a pipe (descriptors 3 and 4, messages that end with NUL), so that it listens nowhere.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { program, type Requirement } from '../../support/requirements.ts'
import { type Ending, until, within } from './process.ts'

const ANSWER_MS = 40_000

export const chromium: Requirement = () =>
  program('chromium')() === false ? false : 'needs chromium (Debian: apt-get install chromium)'

// biome-ignore lint/suspicious/noExplicitAny: the protocol has many shapes
type Message = Record<string, any>

export interface Screen {
  readonly width: number
  readonly height: number
  readonly isDark?: boolean
}

export class Chromium {
  /** What pages complained of: scripts that failed, loads and frames that were not allowed. */
  readonly complaints: string[] = []
  readonly #out: Writable
  readonly #waiting = new Map<number, { resolve: (result: Message) => void; reject: (error: Error) => void }>()
  #lastId = 0

  /** Ends with `t`, and leaves nothing. */
  static async start(t: Ending): Promise<Chromium> {
    const home = mkdtempSync(path.join(tmpdir(), 'dfs-chromium-'))
    const own = ['--headless', '--remote-debugging-pipe', `--user-data-dir=${home}`, '--no-first-run', '--disable-gpu']
    // Root's has no sandbox; a container's shared memory may be small. Nothing is asked of the world outside.
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const quiet = [...sandbox, '--disable-dev-shm-usage', '--disable-background-networking', '--disable-sync']
    const child = spawn('chromium', [...own, ...quiet, '--disable-extensions', '--hide-scrollbars', 'about:blank'], {
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    })
    t.after(async () => {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      if (child.pid !== undefined && ended !== undefined) process.kill(-child.pid, 'SIGKILL')
      await ended
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
    })
    const [, , , to, from] = child.stdio as unknown as [null, null, null, Writable, Readable]
    to.on('error', () => undefined)
    return new Chromium(to, from)
  }

  private constructor(to: Writable, from: Readable) {
    this.#out = to
    let rest = ''
    from.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop() ?? ''
      for (const message of messages) this.#take(JSON.parse(message))
    })
  }

  async newPage(): Promise<ChromiumPage> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true })
    const page = new ChromiumPage((method, params) => this.call(method, params, sessionId))
    for (const domain of ['Page', 'Runtime', 'Log']) await this.call(`${domain}.enable`, {}, sessionId)
    return page
  }

  call(method: string, params: Message = {}, sessionId?: string): Promise<Message> {
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Message>()
    this.#waiting.set(id, { resolve, reject })
    this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    return within(ANSWER_MS, promise, method)
  }

  #take({ id, result, error, method, params }: Message): void {
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params.exceptionDetails))
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.complaints.push(params.entry.text)
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error.message))
  }
}

export class ChromiumPage {
  readonly #call: (method: string, params?: Message) => Promise<Message>

  constructor(call: (method: string, params?: Message) => Promise<Message>) {
    this.#call = call
  }

  /** As if it were typed into the address bar. */
  async open(address: string): Promise<void> {
    await this.#call('Page.navigate', { url: address, transitionType: 'typed' })
    await this.loaded()
  }

  async loaded(): Promise<void> {
    const isLoaded = () => this.run<boolean>('document.readyState === "complete" && location.href !== "about:blank"')
    await until('the page is loaded', () => isLoaded().catch(() => false), ANSWER_MS)
  }

  /** The value of an expression in the page. */
  async run<T = unknown>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return result.value
  }

  /** What a person can read on it. */
  text(selector = 'body'): Promise<string> {
    return this.run(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ''`)
  }

  async sees(wanted: RegExp, selector = 'body'): Promise<void> {
    let text = ''
    const isSeen = async () => {
      text = await this.text(selector).catch(() => '')
      return wanted.test(text)
    }
    await until(`${wanted} is seen`, isSeen, ANSWER_MS).catch((error) => {
      throw new Error(`${error.message}; seen is:\n${text}`)
    })
  }

  /** Clicks the element of this kind that has this name for people: its text, or its label. */
  async click(kind: string, name: string): Promise<void> {
    const find = `[...document.querySelectorAll(${JSON.stringify(kind)})].find((one) =>
      (one.getAttribute('aria-label') ?? (one.labels?.[0] ?? one).innerText).trim() === ${JSON.stringify(name)})`
    await until(`there is a ${kind} "${name}"`, () => this.run<boolean>(`${find} !== undefined`), ANSWER_MS)
    const { x, y } = await this.run<{ x: number; y: number }>(`(() => {
      const element = ${find}
      element.scrollIntoView({ block: 'center' })
      const box = element.getBoundingClientRect()
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    })()`)
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.#call('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 })
    }
  }

  async type(text: string): Promise<void> {
    await this.#call('Input.insertText', { text })
  }

  async press(key: 'Tab' | 'Enter' | ' '): Promise<void> {
    const codes = { Tab: 9, Enter: 13, ' ': 32 }
    const text = key === 'Enter' ? '\r' : key === ' ' ? ' ' : undefined
    const event = { key, code: key === ' ' ? 'Space' : key, windowsVirtualKeyCode: codes[key] }
    await this.#call('Input.dispatchKeyEvent', { type: 'keyDown', text, ...event })
    await this.#call('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
  }

  async withoutScripts(): Promise<void> {
    await this.#call('Emulation.setScriptExecutionDisabled', { value: true })
  }

  async show({ width, height, isDark = false }: Screen): Promise<void> {
    await this.#call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
    const features = [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }]
    await this.#call('Emulation.setEmulatedMedia', { features })
  }

  /** The whole page as a PNG. */
  async picture(file: string): Promise<void> {
    const { data } = await this.#call('Page.captureScreenshot', { captureBeyondViewport: true })
    writeFileSync(file, Buffer.from(data, 'base64'))
  }
}
