/** Where the home of dfs is: `DFS_HOME`, else `$XDG_DATA_HOME/dfs`, else `~/.local/share/dfs`. */
import { homedir } from 'node:os'
import path from 'node:path'
import { resolvePath } from './paths.ts'

export function homePath(env: NodeJS.ProcessEnv): Promise<string> {
  if (env.DFS_HOME) return resolvePath(env.DFS_HOME)
  // The XDG base directory specification: relative paths are to be ignored.
  const data = env.XDG_DATA_HOME !== undefined && path.isAbsolute(env.XDG_DATA_HOME) ? env.XDG_DATA_HOME : undefined
  return resolvePath(path.join(data ?? path.join(homedir(), '.local', 'share'), 'dfs'))
}
