import { failureCodes, type RelayFailureCode } from '../protocol/failure-codes.ts';
import { failureClasses } from '../protocol/frame-bodies.ts';

/** Why a request is refused, as the peer is told. */
export class Refusal extends Error {
  readonly code: RelayFailureCode;
  /** For whoever debugs a client. */
  readonly detail: string;

  constructor(code: RelayFailureCode, detail = '') {
    super(`${code}: ${detail}`);
    this.name = 'Refusal';
    this.code = code;
    this.detail = detail;
  }

  /** Whether the connection ends with it. */
  get isFatal(): boolean {
    return failureClasses[failureCodes[this.code]] === failureClasses.protocol;
  }
}
