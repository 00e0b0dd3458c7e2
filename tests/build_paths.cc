#include "build_paths.h"

namespace djps::test_support {

const char* const kDjpsBinary = DJPS_BINARY;
const char* const kLedgerWorker = DJPS_LEDGER_WORKER;
const char* const kSourceDir = DJPS_SOURCE_DIR;

}  // namespace djps::test_support
