#include "conformance/script.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

namespace vmq::conformance {
namespace {

std::string trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

std::string replaced(std::string text, std::string_view what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
    return text;
}

class Parser final {
public:
    explicit Parser(Script& script) : script_(script) {}

    Result<void> take(int number, const std::string& line) {
        number_ = number;
        const std::string text = trimmed(line);
        if (text.empty() || text[0] == '#') return {};
        if (text.starts_with("case ")) return begin_case(text);
        if (text.starts_with("set ")) return setting("", text.substr(4));
        if (text.starts_with("listener ")) {
            const std::string rest = trimmed(text.substr(9));
            const std::size_t blank = rest.find(' ');
            if (blank == std::string::npos) return wrong("listener NAME KEY = VALUE");
            return setting(rest.substr(0, blank), rest.substr(blank));
        }
        auto words = split_words(text);
        if (!words) return wrong(words.error().detail);
        const auto& all = words.value();
        if (all[0].is("versions")) return versions(all);
        if (all[0].is("hook")) return hook(all);
        if (all[0].is("known-gap") || all[0].is("simulated-only")) return remark(all);
        if (script_.cases.empty()) return wrong("a step before the first case");
        if (!all[0].is("repeat")) return step(text);
        return repeat(text, all);
    }

    std::vector<Setting> settings;
    std::vector<HookRule> hooks;

private:
    [[nodiscard]] Error wrong(std::string_view what) const {
        return {ErrorCode::SyntaxError,
                fmt::format("{}:{}: {}", script_.path.string(), number_, what)};
    }

    Result<void> begin_case(const std::string& text) {
        auto words = split_words(text.substr(0, text.find('[', text.rfind('"'))));
        if (!words || words.value().size() != 2 || !words.value()[1].quoted) {
            return wrong("case \"NAME\" [citation]...");
        }
        Case made;
        made.name = words.value()[1].value;
        made.line = number_;
        made.settings = settings;
        made.hooks = hooks;
        script_.cases.push_back(std::move(made));
        return {};
    }

    Result<void> setting(const std::string& listener, std::string_view text) {
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos) return wrong("KEY = VALUE");
        Setting made{listener, trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1))};
        (script_.cases.empty() ? settings : script_.cases.back().settings)
            .push_back(std::move(made));
        return {};
    }

    Result<void> versions(const std::vector<Word>& words) {
        script_.versions.clear();
        for (std::size_t i = 1; i < words.size(); ++i) {
            const auto version = parse_version(words[i].value);
            if (!version) return wrong("versions are v31, v311 and v5");
            script_.versions.push_back(*version);
        }
        return {};
    }

    Result<void> hook(const std::vector<Word>& words) {
        HookRule rule;
        if (words.size() < 4) return wrong("hook NAME k=v... -> OUTCOME k=v...");
        rule.hook = words[1].value;
        std::size_t i = 2;
        for (; i < words.size() && !words[i].is("->"); ++i) rule.match.push_back(words[i]);
        if (i + 1 >= words.size()) return wrong("hook without -> OUTCOME");
        rule.outcome = words[i + 1].value;
        rule.changes.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 2, words.end());
        (script_.cases.empty() ? hooks : script_.cases.back().hooks).push_back(std::move(rule));
        return {};
    }

    Result<void> remark(const std::vector<Word>& words) {
        if (script_.cases.empty() || words.size() != 2 || !words[1].quoted) {
            return wrong("inside a case, followed by \"WHY\"");
        }
        Case& current = script_.cases.back();
        (words[0].is("known-gap") ? current.known_gap : current.simulated_only) = words[1].value;
        return {};
    }

    /// repeat 1..50 STEP: {} in the step is the number.
    Result<void> repeat(const std::string& text, const std::vector<Word>& words) {
        const auto bounds = words.size() > 2 ? words[1].value : std::string();
        const std::size_t dots = bounds.find("..");
        const auto first = parse_number(bounds.substr(0, dots));
        const auto last = dots == std::string::npos ? first : parse_number(bounds.substr(dots + 2));
        if (!first || !last || dots == std::string::npos) return wrong("repeat FIRST..LAST STEP");
        const std::string pattern = trimmed(text.substr(text.find(bounds) + bounds.size()));
        for (std::uint64_t i = *first; i <= *last; ++i) {
            auto added = step(replaced(pattern, "{}", std::to_string(i)));
            if (!added) return added;
        }
        return {};
    }

    Result<void> step(const std::string& text) {
        auto words = split_words(text);
        if (!words) return wrong(words.error().detail);
        script_.cases.back().steps.push_back({number_, text, std::move(words.value())});
        return {};
    }

    Script& script_;
    int number_ = 0;
};

}  // namespace

Result<Script> parse_script(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) return Error{ErrorCode::NotFound, path.string() + ": cannot be read"};
    Script script;
    script.path = path;
    const std::string folder = path.parent_path().filename().string();
    script.name = folder + "_" + path.stem().string();
    if (const auto version = parse_version(folder)) script.versions = {*version};
    Parser parser(script);
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        if (auto taken = parser.take(number, line); !taken) return taken.error();
    }
    if (script.versions.empty()) {
        return Error{ErrorCode::SyntaxError, path.string() + ": no `versions` line"};
    }
    return script;
}

}  // namespace vmq::conformance
