/** What stands at which address of the page, for somebody who may see it. */
import type { ListResult, StatusResult } from '../../daemon/control-api.ts'
import { DfsError, describeError, type ErrorKind, kindOf } from '../../errors.ts'
import { ACTIONS, isAction, restoring } from './actions.ts'
import type { Ask, Asking } from './ask.ts'
import { type Conflicts, findConflicts, keeping } from './conflicts.ts'
import { folderOf } from './crumbs.ts'
import { BRANCH_ENTRIES, BRANCHES_MAX, directoryPage, PAGE_ENTRIES } from './directory-page.ts'
import { filePage } from './file-page.ts'
import { html } from './html.ts'
import { Jobs, type Work } from './jobs.ts'
import { addressOf, decodeName, isNoName, pathOfAddress, shownName } from './names.ts'
import { overviewPage } from './overview.ts'
import { type Page, renderPage } from './page.ts'
import { Recent } from './recent.ts'

export interface SiteRequest {
  /** What stands before the `?`, as it was sent. */
  readonly path: string
  readonly query: URLSearchParams
  /** Of a POST. */
  readonly form: URLSearchParams | undefined
  /** A page that is shown asks by itself whether something is new. */
  readonly isAutomatic: boolean
}

export type SiteAnswer =
  | { readonly kind: 'page'; readonly status: number; readonly text: string }
  | { readonly kind: 'redirect'; readonly to: string }
  /** Nothing is new, as far as can be told without waking the daemon. */
  | { readonly kind: 'nothing' }

/** Counting all files is work, and so is looking for conflicts among them. */
const STATUS_REST = { restMs: 2_000, rests: 10 }
const STATUS_WAIT_MS = 1_500
/** What is done in this time is shown as done at once. */
const JOB_WAIT_MS = 1_000
const NAMED_MAX = 3

export class Site {
  readonly #asking: Asking
  readonly #jobs = new Jobs()
  readonly #status: Recent<StatusResult>
  readonly #conflicts: Recent<Conflicts>

  constructor(asking: Asking) {
    this.#asking = asking
    this.#status = new Recent(() => asking.askRunning('status', {}), STATUS_REST)
    this.#conflicts = new Recent(() => findConflicts(asking.askRunning), STATUS_REST)
  }

  /** Never fails. */
  async answer(request: SiteRequest): Promise<SiteAnswer> {
    try {
      return request.form === undefined ? await this.#show(request) : await this.#act(request.path, request.form)
    } catch (error) {
      if (request.isAutomatic && kindOf(error) === 'not-running') return { kind: 'nothing' }
      const body = html`<h1>That did not work</h1><p class="trouble" id="why">${describeError(error)}</p><p><a href="/">Overview</a></p>`
      return this.#page({ title: 'Error', address: '/', status: STATUS_OF[kindOf(error)] ?? 500, body })
    }
  }

  async #show({ path, query, isAutomatic }: SiteRequest): Promise<SiteAnswer> {
    const ask = isAutomatic ? this.#asking.askRunning : this.#asking.ask
    if (path === '/') return this.#page(await this.#overview(ask))
    const file = pathOfAddress(path)
    if (file === undefined) throw new DfsError('not-found', 'there is no such page')
    const name = query.get('name')
    if (name !== null) return { kind: 'redirect', to: addressOf(`${file}/${namedBelow(name)}`) }
    return this.#page(await this.#about(ask, file, query))
  }

  async #overview(ask: Ask): Promise<Page> {
    const { entries: folders } = await ask('list', {})
    const [devices, { settings }] = await Promise.all([ask('devices', {}), ask('configGet', {})])
    const setting = (key: string) => Number(settings.find((one) => one.key === key)?.value ?? 0)
    const [status, conflicts] = await Promise.all([
      this.#status.look(STATUS_WAIT_MS),
      this.#conflicts.look(STATUS_WAIT_MS),
    ])
    return overviewPage({
      folders,
      devices,
      status,
      conflicts: conflicts?.value,
      quotaBytes: setting('localQuotaBytes'),
      offerBytes: setting('offerBytes'),
    })
  }

  async #about(ask: Ask, path: string, query: URLSearchParams): Promise<Page> {
    const { entries: folders } = await ask('list', {})
    const root = folderOf(path, folders)
    if (root === undefined) throw new DfsError('not-found', 'is in no folder of dfs', { subject: shownName(path) })
    let problem: string | undefined
    const listed = await listPage(ask, path, pageNumber(query.get('page'))).catch((error) => {
      if (kindOf(error) !== 'corrupt') return absence(error)
      // There may be an earlier version to go back to.
      problem = describeError(error)
    })
    const kind = listed?.listing.self?.kind
    if (listed !== undefined && (kind === 'folder' || kind === 'directory')) {
      return directoryPage({ path, root, ...listed, branches: await branchesOf(ask, path, query.getAll('open')) })
    }
    const { versions } = await ask('history', { path })
    return filePage({ path, root, listing: listed?.listing, problem, versions })
  }

  async #act(path: string, form: URLSearchParams): Promise<SiteAnswer> {
    const back = form.get('back') ?? '/'
    if (!isOwnAddress(back)) throw new DfsError('invalid', 'that leads away from here')
    if (path === '/jobs') this.#change(form)
    else await this.#begin(path, form)
    return { kind: 'redirect', to: back }
  }

  #change(form: URLSearchParams): void {
    const id = Number(form.get('job'))
    if (form.get('do') === 'stop') this.#jobs.stop(id)
    else this.#jobs.clear(id)
  }

  async #begin(address: string, form: URLSearchParams): Promise<void> {
    const path = pathOfAddress(address)
    if (path === undefined) throw new DfsError('not-found', 'there is no such page')
    const { title, work } = this.#jobOf(path, form)
    const id = this.#jobs.start(title, async (options) => {
      try {
        return await work(options)
      } finally {
        this.#status.expire()
        this.#conflicts.expire()
      }
    })
    await this.#jobs.settled(id, JOB_WAIT_MS)
  }

  #jobOf(path: string, form: URLSearchParams): { title: string; work: Work } {
    const { ask } = this.#asking
    const name = form.get('do')
    const at = form.get('at')
    if (name === 'restore' && at !== null) {
      return { title: `Restoring ${lastOf(path)}`, work: restoring(ask, path, at) }
    }
    if (name === 'keep') return { title: `Keeping ${lastOf(path)}`, work: keeping(ask, path) }
    if (!isAction(name)) throw new DfsError('invalid', 'there is nothing of this name to do')
    const names = form.getAll('name')
    if (names.length === 0)
      throw new DfsError('invalid', 'nothing is chosen', { mend: 'tick what it is to be done with' })
    // All of it is all that is in it.
    const paths = names.includes('.') ? [path] : names.map((name) => `${path}/${decodeBelow(name)}`)
    return { title: `${ACTIONS[name].title} ${titleOf(paths)}`, work: ACTIONS[name].work(ask, paths) }
  }

  #page(page: Page): SiteAnswer {
    return { kind: 'page', status: page.status ?? 200, text: renderPage(page, this.#jobs.list) }
  }
}

const STATUS_OF: Partial<Record<ErrorKind, number>> = {
  'not-found': 404,
  invalid: 400,
  busy: 409,
  'not-running': 503,
}

function absence(error: unknown): undefined {
  if (kindOf(error) !== 'not-found' && kindOf(error) !== 'not-a-directory') throw error
}

/** From 1 on. */
function pageNumber(text: string | null): number {
  return /^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : 1
}

/** A page of what is there, the last one if there are fewer. */
async function listPage(ask: Ask, path: string, page: number): Promise<{ listing: ListResult; page: number }> {
  const listing = await ask('list', { path, offset: (page - 1) * PAGE_ENTRIES, limit: PAGE_ENTRIES })
  const last = Math.max(1, Math.ceil(listing.total / PAGE_ENTRIES))
  return page <= last ? { listing, page } : listPage(ask, path, last)
}

/** Those of the directories below that are there. */
async function branchesOf(ask: Ask, path: string, open: readonly string[]) {
  const listed = await Promise.all(
    open.slice(0, BRANCHES_MAX).map(async (encoded) => {
      const inside = decodeBelow(encoded)
      const listing = await ask('list', { path: `${path}/${inside}`, limit: BRANCH_ENTRIES }).catch(absence)
      return listing?.self?.kind === 'directory' ? [[inside, listing] as const] : []
    }),
  )
  return new Map(listed.flat())
}

function isOwnAddress(address: string): boolean {
  return address === '/' || /^\/files\/[\w.~/%?=&-]+$/.test(address)
}

function decodeBelow(encoded: string): string {
  return namedBelow(decodeName(encoded) ?? '')
}

/** A path below a directory. Fails with `invalid` for one that leads out of it. */
function namedBelow(inside: string): string {
  if (inside.split('/').some(isNoName) || inside.includes('\0')) throw new DfsError('invalid', 'that is no name')
  return inside
}

function titleOf(paths: readonly string[]): string {
  const named = paths.slice(0, NAMED_MAX).map(lastOf).join(', ')
  return paths.length > NAMED_MAX ? `${named} and ${paths.length - NAMED_MAX} more` : named
}

function lastOf(path: string): string {
  return shownName(path.slice(path.lastIndexOf('/') + 1))
}
