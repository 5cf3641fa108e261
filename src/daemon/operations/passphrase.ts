/** `passphrase`: what the home's keys are under. */
import type { Params } from '../control-api.ts'
import type { Context } from './context.ts'

type Nothing = Record<string, never>

export async function passphraseSet(context: Context, { passphrase }: Params<'passphraseSet'>): Promise<Nothing> {
  context.home()
  await context.keyFiles.setPassphrase(passphrase)
  return {}
}

export async function passphraseChange(
  { keyFiles }: Context,
  { present, passphrase }: Params<'passphraseChange'>,
): Promise<Nothing> {
  await keyFiles.changePassphrase(present, passphrase)
  return {}
}

export async function passphraseRemove(
  { keyFiles }: Context,
  { present }: Params<'passphraseRemove'>,
): Promise<Nothing> {
  await keyFiles.removePassphrase(present)
  return {}
}

export async function passphraseCheck({ keyFiles }: Context, { present }: Params<'passphraseCheck'>): Promise<Nothing> {
  await keyFiles.checkPassphrase(present)
  return {}
}
