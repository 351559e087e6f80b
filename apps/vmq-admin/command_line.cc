#include "vmq-admin/command_line.h"

#include <string_view>

namespace vmq::admin_tool {

Result<CommandLine> parse_command_line(std::span<const char* const> arguments) {
    constexpr std::string_view kConfig = "--config";
    CommandLine line;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        if (word == kConfig) {
            ++i;
            line.config_file = i < arguments.size() ? arguments[i] : "";
        } else if (word.starts_with(kConfig) && word.substr(kConfig.size()).starts_with('=')) {
            line.config_file = word.substr(kConfig.size() + 1);
        } else {
            line.words.emplace_back(word);
        }
        if (line.config_file && line.config_file->empty()) {
            return Error{ErrorCode::InvalidValue, "--config needs a file"};
        }
    }
    return line;
}

}  // namespace vmq::admin_tool
