/** What a person may set: each key of `config.json`, what it may be, and what it is for. */
import { hostname } from 'node:os'
import { LOG_FORMATS } from '../log.ts'
import { COPIES, parseRedundancy, REDUNDANCY_FORM } from './redundancy.ts'

interface FieldBase {
  /** Read anew whenever it is used; the others count from the daemon's next start. */
  readonly atOnce?: true
  readonly about: string
}

export interface NumberField extends FieldBase {
  readonly type: 'number'
  /** Sizes may be given as people write them: `20GB`. */
  readonly unit?: 'bytes'
  readonly min: number
  readonly max: number
  readonly fallback: number
}

export interface TextField extends FieldBase {
  readonly type: 'text'
  readonly choices?: readonly string[]
  /** What else it may be: tells, and is told to people. */
  readonly form?: { readonly matches: (text: string) => boolean; readonly about: string }
  readonly fallback: string
}

export type Field = NumberField | TextField

const MIB = 1024 * 1024

/** They look into every file they find: thumbnailers, indexers, virus scanners and backup programs. */
const LOCAL_ONLY_PROGRAMS = [
  ...['tumblerd', 'ffmpegthumbnailer', 'gdk-pixbuf-thumbnailer', 'totem-video-thumbnailer', 'evince-thumbnailer'],
  ...['tracker-miner-fs', 'tracker-miner-fs-3', 'tracker-extract', 'tracker-extract-3'],
  ...['localsearch-3', 'localsearch-extractor-3', 'baloo_file', 'baloo_file_extractor', 'recollindex'],
  ...['updatedb', 'updatedb.mlocate', 'updatedb.plocate', 'clamscan', 'clamd', 'minidlnad'],
  ...['restic', 'borg', 'duplicity', 'kopia'],
]

/** So many bytes, which count at once; 0 stands for what each says. */
const BYTES_OR_NONE = {
  type: 'number',
  unit: 'bytes',
  atOnce: true,
  min: 0,
  max: Number.MAX_SAFE_INTEGER,
  fallback: 0,
} as const

export const SCHEMA = {
  deviceName: { type: 'text', atOnce: true, fallback: hostname(), about: 'name of this device, for people' },
  driver: {
    type: 'text',
    atOnce: true,
    choices: ['auto', 'kernel', 'fuse-native'],
    fallback: 'auto',
    about: 'how folders are mounted when --driver does not say',
  },
  dirtyBytesMax: {
    type: 'number',
    min: 8 * MIB,
    max: 16 * 1024 * MIB,
    fallback: 64 * MIB,
    about: 'memory for written data that is not stored yet',
  },
  cacheBytesMax: {
    type: 'number',
    min: 8 * MIB,
    max: 16 * 1024 * MIB,
    fallback: 32 * MIB,
    about: 'memory for opened content that may be read again',
  },
  keepDeletedAfterSeconds: {
    type: 'number',
    min: 0,
    max: 86_400,
    fallback: 10,
    about: 'how long a file must have stood unchanged for its deletion to keep a version',
  },
  sealThreads: {
    type: 'number',
    min: 0,
    max: 64,
    fallback: 0,
    about: 'threads that compress and encrypt; 0: by the number of cores',
  },
  replicas: {
    type: 'number',
    atOnce: true,
    min: 0,
    max: 16,
    fallback: 2,
    about: 'how many other devices hold each block before it counts as safe and may be evicted; 0: nothing is copied',
  },
  redundancy: {
    type: 'text',
    atOnce: true,
    choices: [COPIES],
    form: { matches: (text) => parseRedundancy(text) !== undefined, about: REDUNDANCY_FORM },
    fallback: COPIES,
    about:
      'how blocks are kept on other devices: as copies, or as K+M shards each on a device of its own, any K of which give the block back (4+2)',
  },
  holderAwayDays: {
    type: 'number',
    atOnce: true,
    min: 1,
    max: 3650,
    fallback: 14,
    about: 'in days that dfs runs: what a device keeps that is silent for longer is copied to others',
  },
  localQuotaBytes: {
    ...BYTES_OR_NONE,
    about:
      'how much own content stays here; beyond it, what was not used for longest is evicted once it is safe; 0: all',
  },
  upBytesPerSecond: {
    ...BYTES_OR_NONE,
    about: 'how fast own content is copied to other devices; 0: as fast as it goes',
  },
  downBytesPerSecond: {
    ...BYTES_OR_NONE,
    about: 'how fast `dfs hydrate` and `dfs pin` fetch; 0: as fast as it goes',
  },
  versionDays: {
    type: 'number',
    atOnce: true,
    min: 0,
    max: 36_500,
    fallback: 365,
    about: 'how long older versions of files are kept, in days that dfs runs',
  },
  versionBytes: {
    ...BYTES_OR_NONE,
    about: 'how much of this disk the older versions of each folder may take; beyond it the oldest go; 0: any amount',
  },
  gcGraceMinutes: {
    type: 'number',
    atOnce: true,
    min: 0,
    max: 60 * 24 * 365,
    fallback: 60,
    about: 'how long a block that nothing needs is kept before `dfs gc` drops it',
  },
  offerBytes: {
    ...BYTES_OR_NONE,
    about: 'how much is kept here for other devices, who ask for it; 0: nothing new',
  },
  network: {
    type: 'text',
    choices: ['on', 'off'],
    fallback: 'on',
    about: 'whether to speak with other devices at all',
  },
  port: {
    type: 'number',
    min: 0,
    max: 65_535,
    fallback: 8080,
    about: 'TCP port to listen on; if it is not set here and taken, the next free one; 0: any',
  },
  listenHosts: {
    type: 'text',
    fallback: 'all',
    about: 'IP addresses to listen on, separated by commas, or "all"',
  },
  mdns: {
    type: 'text',
    choices: ['on', 'off'],
    fallback: 'on',
    about: 'whether to look for devices on the local network',
  },
  bootstrap: {
    type: 'text',
    fallback: 'none',
    about: 'addresses of devices to begin with (multiaddrs with /p2p/ID), separated by commas, or "none"',
  },
  bitswap: {
    type: 'text',
    choices: ['on', 'off'],
    fallback: 'off',
    about: 'whether any IPFS node may fetch the encrypted blocks by their CIDs',
  },
  fetchTimeoutSeconds: {
    type: 'number',
    min: 1,
    max: 3600,
    fallback: 15,
    about: 'how long reading waits for other devices before it fails',
  },
  localOnlyPrograms: {
    type: 'text',
    atOnce: true,
    fallback: LOCAL_ONLY_PROGRAMS.join(', '),
    about: 'programs for whose reads nothing is fetched from other devices, separated by commas, or "none"',
  },
  logFormat: {
    type: 'text',
    choices: LOG_FORMATS,
    fallback: 'text',
    about: 'how the daemon writes its log: as text, or one JSON object a line',
  },
  metricsPort: {
    type: 'number',
    min: 0,
    max: 65_535,
    fallback: 0,
    about: 'TCP port on 127.0.0.1 at which Prometheus finds metrics; 0: none',
  },
  idleStopMs: {
    type: 'number',
    min: 0,
    max: 3_600_000,
    fallback: 3_000,
    about: 'how long the daemon stays when nothing is mounted and nobody asks it anything',
  },
} as const satisfies Record<string, Field>
