/** What one check of `dfs doctor` gives; undefined where it does not apply. */
import type { Check } from '../control-api.ts'

export type Finding = Omit<Check, 'area' | 'name'> | undefined
export type Examine = (home: string) => Finding | Promise<Finding>

export function ok(finding: string): Finding {
  return { status: 'ok', finding }
}

export function warning(finding: string, mend: string): Finding {
  return { status: 'warning', finding, mend }
}

export function problem(finding: string, mend: string): Finding {
  return { status: 'problem', finding, mend }
}

/** Something that a package of the system brings. */
export function missing(finding: string, name: string): Finding {
  return { status: 'problem', finding, mend: `install the package ${name} ("apt-get install ${name}")`, package: name }
}
