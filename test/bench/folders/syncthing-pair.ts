/**
 * Two devices of Syncthing that have one folder. All is as `syncthing generate` has it, but that they look for nobody else,
 * tell nobody anything, do not step back behind other programs, and look at what the kernel says has changed as soon as
 * they can be told to.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { newPlace, type Place } from '../../e2e/support/place.ts'
import { type Ending, runOk } from '../../e2e/support/process.ts'
import { program } from '../../support/requirements.ts'
import type { FolderPair } from './folder-pair.ts'
import { newWire, type WiredHost } from './wire.ts'

const PORT = 22_000
/** The least that is taken; 10 unless told. */
const WATCHER_DELAY_SECONDS = 1
const OPTIONS: Readonly<Record<string, string>> = {
  globalAnnounceEnabled: 'false',
  localAnnounceEnabled: 'false',
  relaysEnabled: 'false',
  natEnabled: 'false',
  urAccepted: '-1',
  autoUpgradeIntervalH: '0',
  crashReportingEnabled: 'false',
  startBrowser: 'false',
  setLowPriority: 'false',
  reconnectionIntervalS: '1',
}

interface Instance {
  readonly host: WiredHost
  readonly place: Place
  readonly id: string
}

/** Why there can be none on this machine; false if there can. */
export const syncthingMissing = program('syncthing')

export async function newSyncthingPair(t: Ending): Promise<FolderPair> {
  const wire = await newWire(t)
  const [one, other] = wire.hosts
  const instances = [await generate(t, one), await generate(t, other)] as const
  for (const instance of instances) {
    configure(instance, instances)
    start(instance)
  }
  return { wire, here: instances[0].place, there: instances[1].place }
}

async function generate(t: Ending, host: WiredHost): Promise<Instance> {
  const place = newPlace(t, { enter: host.enter })
  await runOk('syncthing', ['generate', '--no-default-folder', '--home', place.home], { env: place.env })
  const id = await runOk('syncthing', ['--device-id', '--home', place.home], { env: place.env })
  return { host, place, id: id.trim() }
}

function configure({ host, place }: Instance, all: readonly Instance[]): void {
  const file = path.join(place.home, 'config.xml')
  const settings = { ...OPTIONS, listenAddress: `tcp://${host.address}:${PORT}` }
  let text = readFileSync(file, 'utf8')
  for (const [name, value] of Object.entries(settings)) {
    text = text.replace(new RegExp(`<${name}>[^<]*</${name}>`), `<${name}>${value}</${name}>`)
  }
  const devices = all.map(({ host: { address }, id }) => {
    return `<device id="${id}" name="${address}"><address>tcp://${address}:${PORT}</address></device>`
  })
  const members = all.map(({ id }) => `<device id="${id}"/>`)
  const watching = `fsWatcherEnabled="true" fsWatcherDelayS="${WATCHER_DELAY_SECONDS}"`
  const folder = `<folder id="folder" path="${place.folder}" type="sendreceive" ${watching}>${members.join('')}</folder>`
  const [head = '', tail = ''] = text.split(/<device [\s\S]*?<\/device>(?=\s*<gui)/)
  writeFileSync(file, [head, folder, ...devices, tail].join(''))
}

/** It ends with the place. */
function start({ host, place }: Instance): void {
  const [enter, ...before] = host.enter
  const args = [...before, 'syncthing', 'serve', '--no-browser', '--no-restart', '--home', place.home]
  const env = { ...place.env, STNOUPGRADE: '1' }
  spawn(enter!, args, { env, cwd: place.root, stdio: 'ignore', detached: true }).unref()
}
