/** What the exchange does, for `DEBUG=dfs:exchange`. */
import { logger } from '../../log.ts'

export const log = logger('exchange')
