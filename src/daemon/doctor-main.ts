/**
 * The examination behind `dfs doctor`: `node doctor-main.ts HOME` prints `Check[]` as one line of JSON. A process of its own that
 * imports native code only inside the check that is about it; a check that throws is a finding.
 */
import { describeError } from '../errors.ts'
import type { Check } from './control-api.ts'
import { DISK_CHECKS } from './doctor/disk-checks.ts'
import type { Examine } from './doctor/finding.ts'
import { HOME_CHECKS } from './doctor/home-checks.ts'
import { SYSTEM_CHECKS } from './doctor/system-checks.ts'

const home = process.argv[2]!
const checks: Check[] = []
await examineAll('machine', SYSTEM_CHECKS)
await examineAll('home', { ...HOME_CHECKS, ...DISK_CHECKS })
process.stdout.write(`${JSON.stringify(checks)}\n`)

async function examineAll(area: Check['area'], examinations: Record<string, Examine>): Promise<void> {
  for (const [name, examine] of Object.entries(examinations)) {
    try {
      const finding = await examine(home)
      if (finding !== undefined) checks.push({ area, name, ...finding })
    } catch (error) {
      checks.push({ area, name, status: 'problem', finding: describeError(error) })
    }
  }
}
