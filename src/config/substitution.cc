#include "config/substitution.h"

#include <algorithm>
#include <utility>

namespace vmq::config {
namespace {

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kStepsMax = 10'000;
constexpr std::size_t kSizeMax = std::size_t{1024} * 1024;

Error invalid(std::string detail) { return {ErrorCode::InvalidValue, std::move(detail)}; }

Result<void> check_size(const Expanded& out) {
    if (out.text.size() <= kSizeMax) return {};
    return invalid("grows beyond " + std::to_string(kSizeMax) + " bytes when expanded");
}

}  // namespace

Substitution::Substitution(FileSource& files, std::string directory, Lookup lookup)
    : files_(files), directory_(std::move(directory)), lookup_(std::move(lookup)) {}

Result<Expanded> Substitution::expand(const std::string& key, std::string_view value) {
    chain_.assign(1, key);
    steps_ = 0;
    Expanded out;
    if (Result<void> done = append(value, out); !done) return done.error();
    return out;
}

Result<void> Substitution::append(std::string_view value, Expanded& out) {
    if (value.starts_with("$(<") && value.find(')') == value.size() - 1) {
        return append_file(value.substr(3, value.size() - 4), out);
    }
    for (;;) {
        const auto open = value.find("$(");
        const auto close = open == std::string_view::npos ? open : value.find(')', open);
        if (close == std::string_view::npos) {  // the rest holds no reference
            out.text += value;
            break;
        }
        out.text += value.substr(0, open);
        const std::string name(value.substr(open + 2, close - open - 2));
        if (Result<void> done = append_reference(name, out); !done) return done;
        value.remove_prefix(close + 1);
    }
    return check_size(out);
}

Result<void> Substitution::append_reference(const std::string& name, Expanded& out) {
    if (std::find(chain_.begin(), chain_.end(), name) != chain_.end()) {
        std::string circle;
        for (const std::string& key : chain_) circle += key + " -> ";
        return invalid("refers to itself: " + circle + name);
    }
    if (++steps_ > kStepsMax || chain_.size() >= kDepthMax) {
        return invalid("holds too many references: at most " + std::to_string(kDepthMax) +
                       " within each other and " + std::to_string(kStepsMax) + " in all");
    }
    if (const std::optional<std::string> value = lookup_(name)) {
        chain_.push_back(name);
        Result<void> done = append(*value, out);
        chain_.pop_back();
        return done;
    }
    if (const std::optional<std::string> value = files_.environment(name)) {
        out.text += *value;
        out.from_environment = true;
        return check_size(out);
    }
    return invalid("$(" + name + ") is neither a setting with a value nor an environment variable");
}

Result<void> Substitution::append_file(std::string_view path, Expanded& out) {
    Result<std::string> text = files_.read(path_from(directory_, path));
    if (!text) return invalid(text.error().detail);
    std::string_view content = text.value();
    if (content.ends_with('\n')) content.remove_suffix(1);
    if (content.ends_with('\r')) content.remove_suffix(1);
    out.text += content;
    return check_size(out);
}

}  // namespace vmq::config
