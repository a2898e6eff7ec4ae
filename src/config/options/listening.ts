/**
 * Options: where the agent listens, and whose calls it takes.
 * @module
 */
import * as v from "valibot";
import { LISTEN_FORM, parseListen } from "../address.ts";
import { DIALECT_FORM, parseDialect } from "../dialects.ts";
import {
  integer,
  listOf,
  oneOf,
  option,
  path,
  pathOrEmpty,
  text,
} from "../option.ts";

/** These options, each with its kind, its default and its description. */
export const listeningOptions = {
  host: option(
    text(/^[^\s/]+$/, "an address or a host name"),
    "0.0.0.0",
    "Address to listen on.",
  ),
  port: option(
    integer(0, 65535),
    49983,
    "Port to listen on; 0 means a free port that the kernel chooses.",
  ),
  listen: option(
    listOf(
      v.pipe(v.string(), v.check((at) => parseListen(at) !== undefined)),
      LISTEN_FORM,
    ),
    [],
    "Addresses to listen on. If any are given, host and port are ignored.",
  ),
  dialects: option(
    listOf(
      v.pipe(v.string(), v.check((text) => parseDialect(text) !== undefined)),
      DIALECT_FORM,
    ),
    [],
    "Dialects of other hosts; NAME@ADDRESS has a listener of its own.",
  ),
  qemuGa: option(
    path,
    "/dev/virtio-ports/org.qemu.guest_agent.0",
    "Port of the dialect qemu-ga; the agent opens it as soon as it is there.",
  ),
  e2bMetadata: option(
    text(/^(http:\/\/\S+)?$/, "an http: URL or an empty value"),
    "http://169.254.169.254",
    "Metadata service with the hash of E2B's token; empty: there is none.",
  ),
  guestCalls: option(
    oneOf(["refuse", "allow"]),
    "refuse",
    "Policy for POST and PUT requests from processes inside the guest.",
  ),
  tokenFile: option(
    pathOrEmpty,
    "",
    "File with the token that all requests except health checks need.",
  ),
};
