import { BaseHandler, type LogRecord } from "@std/log";

/** A handler that keeps what it is given, and says when it is used. */
export class Recorder extends BaseHandler {
  readonly records: LogRecord[] = [];
  readonly lines: string[] = [];
  readonly events: string[] = [];

  override handle(record: LogRecord): void {
    this.records.push(record);
    super.handle(record);
  }

  override log(msg: string): void {
    this.lines.push(msg);
  }

  override setup(): void {
    this.events.push("setup");
  }

  override destroy(): void {
    this.events.push("destroy");
  }
}
