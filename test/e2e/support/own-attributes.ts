/** A program: prints what dfs says of a file by the attributes it has of its own. */
import { getXattr } from '../../support/syscalls.ts'

for (const name of ['state', 'replicas', 'local_bytes']) {
  console.log(getXattr(process.argv[2]!, `user.dfs.${name}`).toString())
}
