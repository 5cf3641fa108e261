/** The first page: what is wrong, what is to be settled, folders, space, copies on other devices, and the devices themselves. */
import type { DeviceInfo, FolderStatus, ListedEntry, Results, StatusResult } from '../../daemon/control-api.ts'
import { formatBytes, formatCount, formatSeconds } from '../output.ts'
import { type Conflicts, conflictSection } from './conflicts.ts'
import { type Html, html } from './html.ts'
import { icon } from './icons.ts'
import { addressOf, shownName } from './names.ts'
import type { Page } from './page.ts'
import type { Found } from './recent.ts'
import { stateBadge, stateBar } from './state-badge.ts'
import { shownTime } from './times.ts'

export interface Overview {
  readonly folders: readonly ListedEntry[]
  /** Undefined while files are being counted. */
  readonly status: Found<StatusResult> | undefined
  /** Undefined while they are looked for. */
  readonly conflicts: Conflicts | undefined
  readonly devices: Results['devices']
  /** In bytes; 0 for no limit, and for nothing. */
  readonly quotaBytes: number
  readonly offerBytes: number
}

export function overviewPage(overview: Overview): Page {
  const { folders, status, conflicts, devices } = overview
  return {
    title: 'Overview',
    address: '/',
    isUnfinished: status === undefined,
    body: html`<h1 class="sr">Overview</h1>
${problems(overview)}
${conflictSection(conflicts)}
<section aria-labelledby="folders"><h2 id="folders">Folders</h2>
${
  folders.length === 0
    ? html`<p class="empty">No folders yet. <code>dfs mount FOLDER</code> makes one.</p>`
    : html`<ul class="cards" id="folder-list" data-live>${folders.map((folder) => folderCard(folder, status?.value))}</ul>`
}
</section>
<div class="columns">
<section aria-labelledby="space"><h2 id="space">Space on this device</h2>${space(overview)}</section>
<section aria-labelledby="copies"><h2 id="copies">Copies on other devices</h2>${copies(overview)}</section>
</div>
<section aria-labelledby="devices"><h2 id="devices">Devices</h2>${deviceTable(devices)}</section>
${status && html`<p class="quiet" id="counted" data-live>Counted at ${shownTime(status.atMs)}</p>`}`,
  }
}

function problems({ status, devices: { network } }: Overview): Html {
  const told = [
    ...(network.removed ? ['This device was removed from its network: it reaches no other device.'] : []),
    ...(network.behind ? ['Another device of yours has a newer personal key; this one gets it when they meet.'] : []),
    ...(status?.value.replication.problems ?? []),
    ...(status?.value.folders ?? []).flatMap(({ content }) =>
      (content?.unreadable ?? []).map(({ path, why }) => `${shownName(path)}: ${why}`),
    ),
  ]
  return html`<section id="problems" data-live aria-label="Problems" ${told.length === 0 && html`hidden`}>
<ul class="problems">${told.map((problem) => html`<li>${icon('bad')} ${problem}</li>`)}</ul></section>`
}

function folderCard({ name, mountpoint }: ListedEntry, status: StatusResult | undefined): Html {
  const known = status?.folders.find(({ folder }) => folder === name)
  return html`<li class="card">
<h3><a class="bare" href="${addressOf(name)}">${icon('folder')} <bdi>${shownName(name.slice(name.lastIndexOf('/') + 1))}</bdi></a></h3>
<p class="quiet path"><bdi>${shownName(name)}</bdi></p>
<p>${mountedAs(name, mountpoint)}</p>
${status === undefined ? html`<p class="quiet">Counting files…</p>` : known && folderNumbers(known)}
</li>`
}

function mountedAs(name: string, mountpoint: string | undefined): Html {
  if (mountpoint === undefined) return html`<span class="quiet">Not mounted</span>`
  return mountpoint === name ? html`Mounted` : html`Mounted at <bdi>${shownName(mountpoint)}</bdi>`
}

function folderNumbers({ problem, content, files, logicalBytes }: FolderStatus): Html {
  if (problem !== undefined) return html`<p class="trouble">${icon('bad')} ${problem}</p>`
  if (content === undefined || files === 0) return html`<p class="quiet">No files yet</p>`
  const { states, localBytes, bytes, plainFiles } = content
  return html`<p>${formatCount(files, 'file')}, ${formatBytes(logicalBytes)}</p>
${stateBar(states)}
<ul class="states">
${states.map(({ state, files, bytes }) => html`<li>${stateBadge(state)} ${formatCount(files, 'file')}, ${formatBytes(bytes)}</li>`)}
${plainFiles > 0 && html`<li>${stateBadge('plain')} ${formatCount(plainFiles, 'file')}</li>`}
</ul>
<p class="quiet">${formatBytes(localBytes)} of ${formatBytes(bytes)} can be read without other devices</p>`
}

function space({ status, quotaBytes, offerBytes }: Overview): Html {
  if (status === undefined) return html`<p class="quiet" id="space-numbers" data-live>Counting…</p>`
  const { bytes, blocks, diskFreeBytes } = status.value.store
  const disk = bytes + diskFreeBytes
  return html`<dl id="space-numbers" data-live>
<div><dt>Encrypted blocks</dt><dd>${formatBytes(bytes)}, ${formatCount(blocks, 'block')}
<meter min="0" max="${disk}" value="${bytes}" aria-label="Share of the disk that blocks take, of what they take and is free"></meter></dd></div>
<div><dt>Free on the disk</dt><dd>${formatBytes(diskFreeBytes)}</dd></div>
<div><dt>Own content stays here</dt><dd>${quotaBytes === 0 ? 'all, until it is evicted' : `up to ${formatBytes(quotaBytes)}`}</dd></div>
<div><dt>Lent to other devices</dt><dd>${offerBytes === 0 ? 'nothing' : `up to ${formatBytes(offerBytes)}`}</dd></div>
</dl>`
}

function copies({ status, devices: { network } }: Overview): Html {
  if (status === undefined) return html`<p class="quiet" id="copy-numbers" data-live>Counting…</p>`
  const { replicas, isDone, bytesPerSecond, secondsLeft } = status.value.replication
  const contents = status.value.folders.flatMap(({ content }) => content ?? [])
  const unsafe = contents.reduce((sum, { unsafeBytes }) => sum + unsafeBytes, 0)
  const all = contents.reduce((sum, { bytes }) => sum + bytes, 0)
  if (replicas === 0 || network.members < 2) {
    return html`<p id="copy-numbers" data-live>Nothing is copied: ${
      replicas === 0
        ? html`the setting <code>replicas</code> is 0.`
        : html`there is no other device. <code>dfs invite</code> lets one in.`
    }</p>`
  }
  const left = secondsLeft === undefined ? '' : `, ${formatSeconds(secondsLeft)} left`
  return html`<dl id="copy-numbers" data-live>
<div><dt>Wanted</dt><dd>on ${formatCount(replicas, 'other device')}</dd></div>
<div><dt>Safe</dt><dd>${formatBytes(all - unsafe)} of ${formatBytes(all)}
${all > 0 && html`<progress value="${all - unsafe}" max="${all}" aria-label="How much is safe on other devices"></progress>`}</dd></div>
<div><dt>Now</dt><dd>${isDone ? 'everything is there' : bytesPerSecond === 0 ? 'waiting' : `${formatBytes(bytesPerSecond)}/s${left}`}</dd></div>
</dl>`
}

function deviceTable({ network, devices }: Results['devices']): Html {
  return html`<div id="device-list" data-live>
<p class="quiet network">${network.kind === 'private' ? 'Private' : 'Public'} network ${network.id.slice(0, 8)}, ${formatCount(network.members, 'device')}, ${
    network.running ? `${network.connected} connected, port ${network.port ?? '?'}` : 'not running'
  }</p>
<ul class="devices">${devices.map(deviceRow)}</ul></div>`
}

function deviceRow(device: DeviceInfo): Html {
  const { self, connected, own, ownerName, owner, name } = device
  const there = self ? 'this device' : connected ? 'connected' : 'away'
  return html`<li class="${self || connected ? 'there' : 'away'}">
<strong>${shownName(name)}</strong> <span>${own ? 'yours' : `of ${shownName(ownerName ?? owner.slice(0, 8))}`}</span> <span class="presence">${there}</span>
<span class="quiet id">${device.device}</span></li>`
}
