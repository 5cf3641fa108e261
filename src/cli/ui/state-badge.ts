/** The state of a file, or of many: in a word, with a picture and a colour that say no more than the word. */
import { type Html, html } from './html.ts'
import { type Icon, icon } from './icons.ts'

interface Look {
  readonly look: Extract<Icon, 'local' | 'part' | 'safe' | 'evicted' | 'dirty' | 'bad' | 'plain'>
  readonly about: string
}

const LOOKS: Readonly<Record<string, Look>> = {
  local: { look: 'local', about: 'on this device only' },
  evicted: { look: 'evicted', about: 'not all of it is on this device; it comes when it is opened' },
  dirty: { look: 'dirty', about: 'being stored' },
  unreadable: { look: 'bad', about: 'its stub cannot be read' },
  plain: { look: 'plain', about: 'not taken in; "dfs add" does that' },
}

/** How a state is drawn: the name of its picture, and of its class. */
export function lookOf(state: string): Look {
  const known = LOOKS[state]
  if (known !== undefined) return known
  const [, counted = '0', wanted = '0'] = /^replicated (\d+)\/(\d+)$/.exec(state) ?? []
  const isSafe = Number(counted) >= Number(wanted)
  return {
    look: isSafe ? 'safe' : 'part',
    about: `here, and on ${counted} other ${counted === '1' ? 'device' : 'devices'} of ${wanted} that are wanted`,
  }
}

export function stateBadge(state: string): Html {
  const { look, about } = lookOf(state)
  return html`<span class="badge ${look}" title="${about}">${icon(look)} ${state}</span>`
}

export interface Share {
  readonly state: string
  readonly bytes: number
}

/** A bar of what share of the bytes is in which state; the words beside it say the same. */
export function stateBar(shares: readonly Share[]): Html {
  const total = shares.reduce((sum, { bytes }) => sum + bytes, 0)
  let at = 0
  const parts = shares.map(({ state, bytes }) => {
    const width = total === 0 ? 0 : (bytes / total) * 100
    at += width
    return html`<rect class="${lookOf(state).look}" x="${(at - width).toFixed(2)}" y="0" width="${width.toFixed(2)}" height="1"/>`
  })
  return html`<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">${parts}</svg>`
}
