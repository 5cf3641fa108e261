/** Visits every state that can be reached, the nearest first, so that what leads to a broken property is as short as can be. */
import type { Scenario } from './scenario.ts'
import { World, type WorldState } from './world.ts'

export interface Exploration {
  readonly states: number
  readonly transitions: number
  /** The property that was broken first, and what led there; undefined if none is, in any state. */
  readonly broken: { readonly property: string; readonly trace: readonly string[] } | undefined
}

export interface ExploreOptions {
  /** Called with each state. */
  readonly onState?: (state: WorldState, world: World) => void
  /** Gives up with an error beyond that many states. */
  readonly statesMax?: number
}

export function explore(scenario: Scenario, { onState, statesMax = 5_000_000 }: ExploreOptions = {}): Exploration {
  const world = new World(scenario)
  const seen = new Set<string>()
  const found: { state: WorldState; before: number; label: string }[] = []
  const visit = (state: WorldState, before: number, label: string) => {
    const key = world.keyOf(state)
    if (seen.has(key)) return
    seen.add(key)
    found.push({ state, before, label })
  }
  const traceTo = (index: number): string[] => {
    const { before, label } = found[index]!
    return before < 0 ? [] : [...traceTo(before), label]
  }
  visit(world.start(), -1, '')
  let transitions = 0
  for (let index = 0; index < found.length; index++) {
    const { state } = found[index]!
    const property = world.violation(state)
    if (property !== undefined) return { states: index, transitions, broken: { property, trace: traceTo(index) } }
    onState?.(state, world)
    for (const { state: next, label, violation } of world.successors(state)) {
      transitions++
      if (violation !== undefined) {
        return { states: index, transitions, broken: { property: violation, trace: [...traceTo(index), label] } }
      }
      visit(next, index, label)
    }
    if (found.length > statesMax) throw new Error(`${scenario.name}: more than ${statesMax} states`)
  }
  return { states: found.length, transitions, broken: undefined }
}
