#include "config/diagnostic.h"

namespace vmq::config {

std::string to_string(const Location& location) {
    if (location.line == 0) return location.file;
    return location.file + ':' + std::to_string(location.line) + ':' +
           std::to_string(location.column);
}

std::string to_string(const Diagnostic& diagnostic) {
    std::string text = to_string(diagnostic.at);
    if (!text.empty()) text += ": ";
    if (!diagnostic.key.empty()) text += diagnostic.key + ": ";
    return text + diagnostic.message;
}

}  // namespace vmq::config
