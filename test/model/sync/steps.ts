/** What can happen in a history, as fast-check makes it up and makes it shorter. */
import fc from 'fast-check'

/** Numbers choose among what there is when the step comes. */
export type Step =
  | {
      readonly kind: 'create' | 'symlink' | 'mkdir' | 'edit' | 'chmod' | 'remove' | 'rename' | 'move' | 'link'
      readonly device: number
      readonly object: number
      readonly directory: number
      readonly name: number
    }
  /** The network delivers a message: the next one, or as many as there are, or another than the next. */
  | { readonly kind: 'deliver' | 'lose' | 'double'; readonly message: number }
  | { readonly kind: 'settle'; readonly device: number; readonly other: number }
  | { readonly kind: 'connect' | 'disconnect'; readonly device: number; readonly other: number }
  /** Stops, after so many actions that the next message brings about, and starts again. */
  | { readonly kind: 'crash'; readonly device: number; readonly actions: number }
  | { readonly kind: 'idle'; readonly device: number }
  /** Of the one device whose disk can be put back. */
  | { readonly kind: 'back-up' | 'set-back' }

export type LocalStep = Extract<Step, { object: number }>

const number = fc.nat(30)
const device = fc.nat(3)

const anyChange = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('create' as const) },
    { weight: 5, arbitrary: fc.constant('edit' as const) },
    { weight: 4, arbitrary: fc.constant('rename' as const) },
    { weight: 3, arbitrary: fc.constantFrom('mkdir' as const, 'move' as const, 'remove' as const) },
    { weight: 1, arbitrary: fc.constantFrom('symlink' as const, 'chmod' as const, 'link' as const) },
  ),
  device,
  object: number,
  directory: number,
  name: fc.nat(4),
})

export const anyLocalSteps = fc.array(anyChange, { maxLength: 30, size: 'max' })

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: anyChange },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), message: fc.nat(6) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('lose' as const, 'double' as const), message: fc.nat(6) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), device, other: device }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('connect' as const, 'disconnect' as const), device, other: device }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('crash' as const), device, actions: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('idle' as const), device }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('back-up' as const, 'set-back' as const) }) },
)

export interface Plan {
  readonly devices: number
  /** How far each clock is off, in milliseconds. */
  readonly clocks: readonly number[]
  /** What all devices have at first, for they all heard of it. */
  readonly before: readonly LocalStep[]
  readonly steps: readonly Step[]
}

const anyClock = fc.constantFrom(0, 0, 0, 3000, -3000, 86_400_000, -(10 ** 15), 10 ** 15)

const at = { device: 0, object: 0, name: 0 }
/** A folder with directories in each other. */
const SOME: readonly LocalStep[] = [
  { ...at, kind: 'mkdir', directory: 0 },
  { ...at, kind: 'mkdir', directory: 0, name: 1 },
  { ...at, kind: 'mkdir', directory: 2, name: 2 },
  { ...at, kind: 'create', directory: 1, name: 3 },
  { ...at, kind: 'create', directory: 0, object: 1, name: 3 },
]

export const anyPlan: fc.Arbitrary<Plan> = fc.record({
  devices: fc.integer({ min: 2, max: 4 }),
  clocks: fc.array(anyClock, { minLength: 4, maxLength: 4 }),
  before: fc.constantFrom([], SOME),
  steps: fc.array(anyStep, { maxLength: 40, size: 'max' }),
})
