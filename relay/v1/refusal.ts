import { type FailureCode, failureCodes } from '../../protocol/v1/failure-codes.ts';
import { failureClasses } from '../../protocol/v1/frame-bodies.ts';

/** Why a request is refused, as the peer is told. */
export class Refusal extends Error {
  readonly code: FailureCode;
  /** For whoever debugs a client. */
  readonly detail: string;

  constructor(code: FailureCode, detail = '') {
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
