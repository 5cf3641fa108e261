/** The recovery kit of a home as it is now, and `recoveryShow`, which gives it again. */
import { encodeBase32 } from '../../bytes/base32.ts'
import { DfsError } from '../../errors.ts'
import { formatKit } from '../../seal/recovery-kit.ts'
import type { Params, Results } from '../control-api.ts'
import type { Home } from '../home.ts'
import type { Context } from './context.ts'

/** Of the newest epoch, with what opens the earlier ones. */
export function kitOf({ personalKey, olderKeys: older, network }: Home): string {
  return formatKit({ personalKey, older, networkId: encodeBase32(network.network) })
}

/**
 * Fails with `needs-confirmation` if the keys are under a passphrase that is not given, `wrong-key` if it is another: whoever
 * sits before a daemon that runs need not be the one who started it.
 */
export async function recoveryShow(
  context: Context,
  { passphrase }: Params<'recoveryShow'>,
): Promise<Results['recoveryShow']> {
  const { keyFiles } = context
  if (keyFiles.hasPassphrase) {
    if (passphrase === undefined) throw new DfsError('needs-confirmation', 'the keys are under a passphrase')
    await keyFiles.checkPassphrase(passphrase)
  }
  return { kit: kitOf(context.home()) }
}
