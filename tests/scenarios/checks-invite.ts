// Asks for an invite's relay, and prints the sentence: to be run where there is no network.
import { checkInvite } from '../../main/profile.ts';
import { Failure } from '../../protocol/failures.ts';

await checkInvite(process.argv[2]!).then(console.log, (error: unknown) =>
  console.log(Failure.from(error).message),
);
