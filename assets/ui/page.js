/**
 * What makes the pages livelier where scripts run; without it they work as well. It loads nothing but pages of this server,
 * takes them apart as documents in which no script runs, and puts nothing into a page but their elements.
 *
 * An element that may change has `data-live` and an id that is the same in every version of its page.
 */
const REFRESH_MS = 3_000
/** What took long to answer rests so many times as long. */
const RESTS = 10

let lastFetchMs = 0
let isBusy = false

/** Puts what is new into the page; `isForced`: also where somebody is at work, because it is their work that is done. */
function takeOver(fresh, isForced) {
  for (const live of [...document.querySelectorAll('[data-live]')]) {
    const next = fresh.getElementById(live.id)
    if (!live.isConnected || next === null || live.isEqualNode(next)) continue
    if (!isForced && isInUse(live)) continue
    live.replaceWith(document.adoptNode(next))
  }
  announce()
}

const told = new Set([...document.querySelectorAll('.job:not(.running)')].map(({ id }) => id))

/** Who does not see the page hears of each job once, when it has ended. */
function announce() {
  const ended = [...document.querySelectorAll('.job:not(.running)')].filter(({ id }) => !told.has(id))
  for (const { id } of ended) told.add(id)
  const lines = ended.flatMap((job) => [...job.querySelectorAll('p, li')].map((line) => line.textContent))
  if (lines.length > 0) document.getElementById('said').textContent = lines.join('. ')
}

/** A field with the focus, or a chosen file, is not taken out of somebody's hands. */
function isInUse(element) {
  return element.contains(document.activeElement) || element.querySelector('input:checked') !== null
}

async function load(address, options) {
  const beganMs = performance.now()
  const response = await fetch(address, options)
  lastFetchMs = performance.now() - beganMs
  if (response.status === 204) return undefined
  if (!(response.headers.get('content-type') ?? '').startsWith('text/html')) throw new Error('not a page')
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html')
  return { fresh, isPage: response.ok && fresh.getElementById('jobs') !== null }
}

function showStale(said) {
  const stale = document.getElementById('stale')
  if (stale === null) return
  stale.hidden = said === ''
  if (stale.textContent !== said) stale.textContent = said
}

async function refresh() {
  if (isBusy || document.visibilityState !== 'visible' || document.getElementById('jobs') === null) return
  isBusy = true
  try {
    const loaded = await load(location.href, { headers: { 'x-dfs-refresh': '1' } })
    if (loaded?.isPage) takeOver(loaded.fresh, false)
    showStale(loaded === undefined ? 'The daemon rests. Reload to wake it.' : '')
  } catch {
    showStale('dfs ui has ended.')
  } finally {
    isBusy = false
  }
}

/** A form is sent in place: the page stays where it was scrolled to, and the focus where it was. */
async function send(event) {
  const { target: form, submitter } = event
  if (form.method !== 'post') return
  event.preventDefault()
  const body = new URLSearchParams(new FormData(form, submitter))
  const focused = document.activeElement?.id
  document.body.setAttribute('aria-busy', 'true')
  try {
    const loaded = await load(form.getAttribute('action'), { method: 'POST', body })
    if (!loaded?.isPage) showProblem(loaded?.fresh)
    else {
      showProblem(undefined)
      takeOver(loaded.fresh, true)
      for (const box of document.querySelectorAll('input[type=checkbox]:checked')) box.checked = false
    }
    if (document.activeElement === document.body) keepFocus(focused)
  } catch {
    showStale('dfs ui has ended.')
  } finally {
    document.body.removeAttribute('aria-busy')
  }
}

/** What had the focus may be another element now, or gone; whoever uses the keyboard goes on from there. */
function keepFocus(id) {
  const next = (id && document.getElementById(id)) || document.getElementById('content')
  next?.focus({ preventScroll: true })
}

/** What the server says is wrong with what was sent. */
function showProblem(page) {
  document.getElementById('refused')?.remove()
  const said = page?.getElementById('why')?.textContent
  if (!said) return
  const shown = document.createElement('p')
  shown.id = 'refused'
  shown.className = 'trouble notice'
  shown.setAttribute('role', 'alert')
  shown.textContent = said
  document.getElementById('jobs')?.before(shown)
}

async function go() {
  await refresh()
  setTimeout(go, Math.max(REFRESH_MS, lastFetchMs * RESTS))
}

document.addEventListener('submit', send)
document.addEventListener('visibilitychange', refresh)
setTimeout(go, REFRESH_MS)
