"""Which failures may be asked again, and how often: a label that cannot be had is not paid for for ever.

| kind        | what happened                                            | asked, in all |
|-------------|----------------------------------------------------------|---------------|
| unconverged | the calculation did not converge                         | once          |
| unphysical  | no calculation could make sense of the configuration     | once          |
| unknown     | the labeler does not know it: an element, a data set     | once          |
| nonfinite   | a number is not finite                                   | once          |
| shape       | an array has another shape than it must                  | once          |
| method      | the labeler did something else than it was chosen for    | once          |
| error       | the labeler raised an exception: a bug, to be mended     | 3 times       |
| crash       | the process died                                         | 3 times       |
| transient   | an accident of the place: a licence server, a lost task  | 3 times       |
| timeout     | it took too long; the second time it has twice as long   | twice         |
| memory      | it needed too much; the second time it has twice as much | twice         |

A random stream is named by the key of its label, so a failure of the method would repeat itself, and
is paid once. A failure of the place may pass. What is not asked again is in quarantine.
"""

from __future__ import annotations

from eltanin.protocols import Failure

ATTEMPTS = {"error": 3, "crash": 3, "transient": 3, "timeout": 2, "memory": 2}
AT_ONCE = ATTEMPTS.keys() - {"error"}  # asking again at once does not mend a bug


def settled(failure: Failure, attempt: int) -> bool:
    """Say whether asking again could bring nothing new, after so many attempts."""
    return attempt >= ATTEMPTS.get(failure.kind, 1)
