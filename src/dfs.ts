/**
 * The shared nouns of dfs and the few interfaces by which vfs, store, net and sync meet.
 * Everything may import this file; it imports nothing.
 */

/** Names and paths as the kernel has them: byte strings, one char (0-255) a byte ("latin1" in Buffer's words). */
export type ByteString = string

/** The text of a CIDv1 (codec raw, multihash BLAKE3-256, base32 lower case with the multibase `b`). Names one block. */
export type Cid = string & { readonly brand: 'cid' }

/** Number of an object while the kernel may name it (FUSE's nodeid); never reused within one mount. */
export type Ino = number & { readonly brand: 'ino' }

/** What a block holds: a chunk of a file, or a node of a manifest or of a head's tree. */
export type BlockKind = 'data' | 'node'

/** A reference to a sealed block with what is needed to fetch, check and open it. */
export interface BlockRef {
  readonly cid: Cid
  /** 32 bytes: the AES-256-GCM key of this block alone. */
  readonly key: Buffer
  /** 32 bytes: keyed BLAKE3 of the plaintext; content is compared by it. Equal content, equal hash, whatever the sealing. */
  readonly hash: Buffer
  /** Length of the plaintext in bytes. */
  readonly plainBytes: number
  /** Length of the block in bytes, as stored and sent. */
  readonly sealedBytes: number
}

/** What is needed to fetch and keep a block that is not to be opened. */
export type BlockName = Pick<BlockRef, 'cid' | 'sealedBytes'>

/** A block as sealing made it. */
export interface SealedBlock {
  readonly ref: BlockRef
  /** The block's bytes, `ref.sealedBytes` long. */
  readonly bytes: Buffer
}

/** What a stub says of its file beside content. Times in nanoseconds since 1970. */
export interface FileMeta {
  /** Permission bits and suid, sgid, sticky (0o7777); no type bits. */
  readonly mode: number
  readonly size: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** The content of a file as its stub carries it. */
export type Content =
  /** The whole content, `size` bytes (the empty file is inline with no bytes). */
  | { readonly kind: 'inline'; readonly bytes: Buffer }
  /** The plaintext of the manifest's root node. */
  | { readonly kind: 'root'; readonly node: Buffer }
  /** The manifest's root node is a sealed block. */
  | { readonly kind: 'ref'; readonly ref: BlockRef }

/** One version of a file: all that a stub slot says. */
export interface StubState {
  /** 16 bytes, random, for the life of the file. */
  readonly fileId: Buffer
  /** Counts the commits of this file; the slot with the higher sequence is the newer. 0 < sequence < 2^53. */
  readonly sequence: number
  readonly meta: FileMeta
  readonly content: Content
}

/** An open block: ranges can be read until it is closed, even if the block is deleted meanwhile. */
export interface BlockHandle {
  /** Length of the block in bytes. */
  readonly bytes: number
  /** A file descriptor that any thread may `pread`, where the store has one. */
  readonly fd: number | undefined
  /** Bytes [offset, offset + length), fewer at the end of the block. */
  read(offset: number, length: number): Buffer
  close(): void
}

/**
 * Where sealed blocks are kept on this device. Two implementations: files on disk, and memory.
 *
 * Pins: `put` pins the block; the caller unpins it once the reference is where a garbage collection's
 * mark can see it. A pinned block is never deleted.
 */
export interface BlockStore {
  has(cid: Cid): boolean
  /** Opens a block that is here; undefined if it is not. Fails with `io`, never with not-found. */
  open(cid: Cid): BlockHandle | undefined
  /**
   * Keeps a block (or finds that it is already kept, byte for byte) and pins it. Resolves when it can be read;
   * it is durable only after `sync`. Fails with `no-space`, `io`; then nothing is kept and nothing pinned.
   */
  put(ref: BlockName, bytes: Buffer): Promise<void>
  /**
   * Where a sealer may write a block before its name is known: a path on the store's disk, not used before.
   * Undefined where blocks are not files.
   */
  temporary(): string | undefined
  /** As `put`, of a block that was written whole to a path that `temporary` gave; nothing is left there, whatever happens. */
  adopt(ref: BlockName, temporary: string): Promise<void>
  /** Pins a block that is known to be referenced already, so that a reference to it may be copied. */
  pin(cid: Cid): void
  unpin(cid: Cid): void
  /** Whether a mark may be under way, which sees no reference that is copied now. */
  readonly isSwept: boolean
  /** What is here under this name proved to be damaged: it stays until the next `put` of the block, which replaces it. */
  distrust(cid: Cid): void
  /** Makes these blocks (or all that were ever put) durable; resolves once they survive power loss. */
  sync(cids?: Iterable<Cid>): Promise<void>
}

/** Blocks as another thread than the store's reads them, to give them to other devices. */
export interface BlockReader {
  has(cid: Cid): boolean
  /**
   * All bytes of a block, unchecked: a view of `room` if the block fits there, else in memory of its own.
   * Undefined if it is not here. Fails with `io`.
   */
  read(cid: Cid, room?: Buffer): Promise<Buffer | undefined>
}

/** What a fetch is for. */
export interface FetchOptions {
  /** Gives up: the fetch fails with the signal's reason. */
  readonly signal?: AbortSignal
  /** Somebody waits for these bytes [from, to) of the block: they come first, right behind the block's head. */
  readonly first?: { readonly from: number; readonly to: number }
  /** A CID that holders of the file are known by, where the block's own is not announced. */
  readonly root?: Cid
  /** Bytes [from, to) have come into `block`, unchecked. Ranges may come again with other bytes, after a peer lied. */
  readonly onPart?: (block: Buffer, from: number, to: number) => void
}

/** A block on its way from another device. */
export interface Fetching {
  /**
   * The block's bytes, checked against its CID. Fails with `unreachable` if nobody reachable has it, `timeout`,
   * `aborted`. The memory is lent until `release`.
   */
  readonly block: Promise<Buffer>
  /** Somebody waits for these bytes now: they come next. */
  prefer(from: number, to: number): void
  /** Gives the memory of the block back; needed also if the fetch failed. */
  release(): void
}

/** Where blocks come from that are not on this device. */
export interface BlockSource {
  fetch(ref: BlockName, options?: FetchOptions): Fetching
}

/** Reports how far long work has come; `total` is undefined while it is not known. */
export interface Progress {
  readonly done: number
  readonly total: number | undefined
  /** What the numbers count: `files`, `bytes`, `blocks`. */
  readonly unit: string
  /** What is worked on now, as text. */
  readonly item?: string
}

export type OnProgress = (progress: Progress) => void

/**
 * Something that refers to blocks: a folder's stubs and versions, its open files.
 *
 * Sources are read one after the other while work goes on. References may change under the mark as long as
 * - a new reference is made while its block is pinned (`put`, `pin`), and the block is unpinned only after;
 * - a reference that moves without a pin moves to a source that is read later (open files before stubs);
 * - a source whose references move about within it (a rename) yields the moved ones again before it ends, or throws.
 */
export interface ReferenceSource {
  /** For messages: the folder's path, `open files of PATH`. */
  readonly name: string
  /** Every block referred to, in any order and as often as it likes. Throws if it cannot tell. */
  references(): AsyncIterable<Cid> | Iterable<Cid>
}

/** One version of a file, at its place. */
export interface PlacedFile {
  /** 16 bytes. */
  readonly folderId: Buffer
  /** As a person sees it, from the folder's root. */
  readonly path: ByteString
  readonly state: StubState
}

/** How many of the other devices from which a file is to come back have all of it, and how many are to. */
export interface Replicas {
  readonly counted: number
  readonly wanted: number
}

/** Knows which other devices are bound to hold what. */
export interface ReplicaCounter {
  /** By what is known here, nobody is asked. `blocks`: all that the content needs, nodes included; read as far as it matters. */
  count(file: PlacedFile, blocks: AsyncIterable<Cid>): Promise<Replicas>
}

/** What a folder tells of an object on the disk below. */
export type ObjectChange =
  /** What has this path, or had it, came, went, or says something else; `isTree`: so may all below it. */
  | { readonly path: ByteString; readonly isTree: boolean }
  /** So may a file of several names, of which none is known. */
  | { readonly ino: number; readonly btimeNs: bigint }

/** A file refers to this block; `file` is its name for people. */
export interface FileReference extends BlockName {
  readonly file: string
  /** 16 bytes. */
  readonly fileId: Buffer
}

/** What is remembered of a kept version of a file, so that it can grow old. */
export interface VersionAge {
  /** The store's running time, in milliseconds, when the version was first seen. */
  readonly firstSeenMs: number
  /** Equal for the versions of one path; says nothing else of it. 32 hex digits. */
  readonly lineage: string
}
