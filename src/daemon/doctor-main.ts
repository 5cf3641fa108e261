/**
 * The examination behind `dfs doctor`: `node doctor-main.ts HOME` prints `Check[]` as JSON. A process of its own that
 * imports native code only inside the check that is about it; a check that throws is a finding.
 */
import { describeError } from '../errors.ts'
import type { Check } from './control-api.ts'
import { HOME_CHECKS } from './doctor/home-checks.ts'
import { SYSTEM_CHECKS } from './doctor/system-checks.ts'

const home = process.argv[2]!
const checks: Check[] = []
for (const [name, examine] of Object.entries({ ...SYSTEM_CHECKS, ...HOME_CHECKS })) {
  try {
    const finding = await examine(home)
    if (finding !== undefined) checks.push({ name, ...finding })
  } catch (error) {
    checks.push({ name, status: 'problem', finding: describeError(error) })
  }
}
process.stdout.write(JSON.stringify(checks))
