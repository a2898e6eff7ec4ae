/**
 * Faults that only a real process meets: no rights, no descriptors, no room, no
 * FFI, no reader of the log, a second agent, a start that fails, filesystems that
 * never answer, a log on a frozen disk, mounts that thawed too early, a workload
 * that has ended, and signals in every state.
 */
import type { Target } from "../../support/agent.ts";
import { maskedSysfs } from "./masked_sysfs.ts";
import { manyClients } from "./many_clients.ts";
import { unreadLog } from "./unread_log.ts";
import { ending } from "./ending.ts";
import { descriptorsAtRecovery } from "./descriptors_at_recovery.ts";
import { failedStarts } from "./failed_starts.ts";
import { missingAddress } from "./missing_address.ts";
import { missingToken } from "./missing_token.ts";
import { hookReports } from "./hook_reports.ts";
import { owedThaws } from "./owed_thaws.ts";
import { endedHold } from "./ended_hold.ts";
import { endedServices } from "./ended_services.ts";
import { frozenLog } from "./frozen_log.ts";
import { hungDisks } from "./hung_disks.ts";
import { hungMounts } from "./hung_mounts.ts";
import { missingPrivileges } from "./missing_privileges.ts";
import { removedDirectory } from "./removed_directory.ts";
import { secondAgent } from "./second_agent.ts";
import { serviceManager } from "./service_manager.ts";
import { signals } from "./signals.ts";
import { missingVsock } from "./missing_vsock.ts";
import { noDescriptors } from "./no_descriptors.ts";

/** Declares the tests for one target. */
export function faults(target: Target): void {
  secondAgent(target);
  removedDirectory(target);
  failedStarts(target);
  missingAddress(target);
  missingVsock(target);
  missingToken(target);
  missingPrivileges(target);
  noDescriptors(target);
  descriptorsAtRecovery(target);
  manyClients(target);
  maskedSysfs(target);
  unreadLog(target);
  hungMounts(target);
  hungDisks(target);
  frozenLog(target);
  endedHold(target);
  endedServices(target);
  signals(target);
  ending(target);
  owedThaws(target);
  hookReports(target);
  serviceManager(target);
}
