#pragma once

namespace djps::test_support {

// Where this build and its sources are. In a file of their own, so that the compiler cache serves
// every other test in any folder.
extern const char* const kDjpsBinary;
extern const char* const kLedgerWorker;
extern const char* const kSourceDir;

}  // namespace djps::test_support
