/** What the daemon has of replication, for the operations of the control socket. */
import type { FilePins } from '../../store/file-pins.ts'
import type { Pace } from './pace.ts'
import type { Replicator } from './replicator.ts'
import type { TransferRate } from './transfer-rate.ts'

export interface Replication {
  readonly replicator: Replicator
  readonly pins: FilePins
  /** How fast others come to hold what is here. */
  readonly rate: TransferRate
  /** Of what people have fetched as a whole. */
  readonly down: Pace
  /** How many holders could count if all of them lent space. */
  possibleReplicas(): number
}
