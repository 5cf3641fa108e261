/** Who takes part in a scenario, and what is true of each for good. */

export interface Participant {
  readonly name: string
  readonly owner: string
  /** Whether its own folders refer to the block: it depends on a copy somewhere. */
  readonly needs: boolean
  readonly hasBlock: boolean
  /** Whether it can make the block anew, until it counts on holders instead. */
  readonly canMake?: boolean
  /** How many hold requests and questions it may send. */
  readonly requests: number
  readonly questions: number
}

/** On whom a device counts that deleted its copy. */
export interface Reliance {
  readonly holder: string
  /** The hold's nonce. */
  readonly hold: string
  /** The number of the question that the holder confirmed. */
  readonly question: number
  /** The newest incarnation of the holder that the device had heard of when it deleted. */
  readonly heard: number
}

export class Roster {
  readonly participants: readonly Participant[]
  readonly replicas: number

  constructor(participants: readonly Participant[], replicas: number) {
    this.participants = participants
    this.replicas = replicas
  }

  ownerOf(name: string): string | undefined {
    return this.#find(name)?.owner
  }

  needs(name: string): boolean {
    return this.#find(name)?.needs ?? false
  }

  #find(name: string): Participant | undefined {
    return this.participants.find((one) => one.name === name)
  }
}

/** As the design says it, counted in another way than the machine does. */
export function countDistinct(self: string, relies: readonly Reliance[], roster: Roster): number {
  const holders = [...new Set(relies.map(({ holder }) => holder))].filter((holder) => holder !== self)
  const own = holders.filter((holder) => roster.ownerOf(holder) === roster.ownerOf(self))
  const others = holders.filter((holder) => !own.includes(holder))
  return own.length + new Set(others.map((holder) => roster.ownerOf(holder))).size
}
