#pragma once

namespace djps::test_support {

// The paths of this build and its sources. In a separate file, so that the compiler cache works for
// all other tests in any folder.
extern const char* const kDjpsBinary;
extern const char* const kLedgerWorker;
extern const char* const kSourceDir;

}  // namespace djps::test_support
