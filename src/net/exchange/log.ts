import { logger } from '../../log.ts'

/** `DEBUG=dfs:exchange` */
export const log = logger('exchange')
