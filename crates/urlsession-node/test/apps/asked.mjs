// Starts a task that is asked for a credential, and never answers.
import { Session } from '../../index.mjs';

const session = new Session({ identifier: 'asked', onChallenge: ({ protectionSpace }) => console.log(protectionSpace.realm) });
session.dataTask(process.argv[2]);
