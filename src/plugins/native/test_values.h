// What several tests of this folder need.
#pragma once

#include <string>

#include "plugins/native/vmq_plugin.h"

namespace vmq::plugins::native::test {

/// "-" for none.
[[nodiscard]] inline std::string text(vmq_string string) {
    return string.data == nullptr ? "-" : std::string(string.data, string.size);
}

#ifdef VMQ_TEST_PLUGINS
/// The file of a plugin of tests/plugins.
[[nodiscard]] inline std::string test_plugin(const std::string& name) {
    return std::string(VMQ_TEST_PLUGINS) + "/" + name + ".so";
}
#endif

}  // namespace vmq::plugins::native::test
