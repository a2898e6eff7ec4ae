/**
 * The errors of the protocol. libvirt and others look at the class: CommandNotFound means that this
 * agent, or its state, does not have the command.
 * @module
 */

/** The classes of errors that the QEMU guest agent has. */
type ErrorClass = "GenericError" | "CommandNotFound";

/** An error reply. The texts that a host may look at are those of the QEMU guest agent. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  constructor(
    message: string,
    readonly errorClass: ErrorClass = "GenericError",
  ) {
    super(message);
  }
}

/** A command that exists, but not while the filesystems are frozen. */
export function disabledByFreeze(command: string): ProtocolError {
  return new ProtocolError(
    `Command ${command} has been disabled: the agent is in frozen state`,
    "CommandNotFound",
  );
}

/** A command that does not exist. A name that is no name is not repeated. */
export function unknownCommand(command: string): ProtocolError {
  return new ProtocolError(
    `The command ${named(command)} has not been found`,
    "CommandNotFound",
  );
}

/** The caller's name of a command or a parameter, if it has the form of one. */
export function named(name: string): string {
  return /^[\w-]{1,64}$/.test(name) ? name : "(a name of another form)";
}
