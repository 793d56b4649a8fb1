//! The modules of a crate and their imports, parsed from the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Meta, UseTree};

/// A path from the crate's root, without `crate`.
type Segments = Vec<String>;

/// The maximum number of re-exports followed to a name's definition.
const MAX_REEXPORTS: usize = 16;

/// A crate's modules.
pub(super) struct Crate {
    pub(super) modules: Vec<Module>,
    by_path: BTreeMap<Segments, usize>,
}

/// A module: a file, or a part of one.
#[derive(Default)]
pub(super) struct Module {
    path: Segments,
    file: PathBuf,
    /// Names declared by `use`, and the paths that they stand for.
    uses: BTreeMap<String, Segments>,
    /// Modules whose names are all imported.
    globs: Vec<Segments>,
    /// Names that the module itself defines.
    items: BTreeSet<String>,
    /// All paths into the crate that the module mentions.
    mentions: BTreeSet<Segments>,
}

impl Crate {
    /// Reads the crate with this root file.
    pub(super) fn read(root: &Path) -> Result<Crate> {
        let mut modules = Vec::new();
        let folder = root.parent().context("the root file has no folder")?;
        read_file(root, folder, &[], &mut modules)?;
        let by_path =
            modules.iter().enumerate().map(|(number, module)| (module.path.clone(), number)).collect();
        Ok(Crate { modules, by_path })
    }

    /// Returns, for each module, the modules that it imports from. Parts of a file count as its first
    /// module.
    pub(super) fn edges(&self) -> Vec<Vec<usize>> {
        let mut edges = vec![BTreeSet::new(); self.modules.len()];
        for module in &self.modules {
            let from = self.of_file(module);
            let owners = module.mentions.iter().filter_map(|path| self.owner(path, MAX_REEXPORTS));
            let owners = owners.map(|owner| self.of_file(&self.modules[owner]));
            edges[from].extend(owners.filter(|&owner| owner != from));
        }
        edges.into_iter().map(|targets| targets.into_iter().collect()).collect()
    }

    /// Returns the folder that a module belongs to: its own if it has submodules in files, otherwise that
    /// of its file.
    pub(super) fn folder(&self, module: usize) -> PathBuf {
        let Module { file, path, .. } = &self.modules[module];
        let own = file.with_extension("");
        if own.is_dir() && !path.is_empty() {
            return own;
        }
        file.parent().unwrap_or(file).to_owned()
    }

    /// Returns the module's path as written in code.
    pub(super) fn name(&self, module: usize) -> String {
        let path = &self.modules[module].path;
        if path.is_empty() { "crate".to_owned() } else { path.join("::") }
    }

    fn of_file(&self, module: &Module) -> usize {
        self.modules.iter().position(|other| other.file == module.file).unwrap_or_default()
    }

    /// Returns the module that defines the item at a path.
    fn owner(&self, path: &[String], depth: usize) -> Option<usize> {
        let mut module = *self.by_path.get(&[] as &[String])?;
        for (at, segment) in path.iter().enumerate() {
            if let Some(&child) = self.by_path.get(&path[..=at]) {
                module = child;
                continue;
            }
            let Module { uses, globs, items, .. } = &self.modules[module];
            if items.contains(segment) || depth == 0 {
                break;
            }
            if let Some(target) = uses.get(segment) {
                return self.owner(&[target, &path[at + 1..]].concat(), depth - 1);
            }
            let through = globs.iter().find_map(|glob| {
                let owner = self.owner(glob, depth - 1)?;
                let Module { uses, items, .. } = &self.modules[owner];
                if items.contains(segment) {
                    return Some(owner);
                }
                self.owner(uses.get(segment)?, depth - 1)
            });
            return Some(through.unwrap_or(module));
        }
        Some(module)
    }
}

/// Reads a file and the modules that it declares, whose files are in `folder`.
fn read_file(file: &Path, folder: &Path, path: &[String], modules: &mut Vec<Module>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
    read_items(&parsed.items, file, folder, path, modules)
}

fn read_items(
    items: &[Item],
    file: &Path,
    folder: &Path,
    path: &[String],
    modules: &mut Vec<Module>,
) -> Result<()> {
    let mut module = Module { path: path.to_owned(), file: file.to_owned(), ..Module::default() };
    module.items.extend(items.iter().filter_map(name_of));
    let children: BTreeSet<String> = items
        .iter()
        .filter_map(|item| if let Item::Mod(child) = item { Some(child.ident.to_string()) } else { None })
        .collect();
    let mut reader = Reader { module, children };
    for item in items {
        reader.visit_item(item);
    }
    modules.push(reader.module);
    for item in items {
        let Item::Mod(child) = item else { continue };
        if is_test(&child.attrs) {
            continue;
        }
        let name = child.ident.to_string();
        let child_path = [path, std::slice::from_ref(&name)].concat();
        if let Some((_, items)) = &child.content {
            read_items(items, file, &folder.join(&name), &child_path, modules)?;
        } else if let Some(file) = file_of(child, folder) {
            read_file(&file, &folder.join(&name), &child_path, modules)?;
        }
    }
    Ok(())
}

/// Returns the file of a declared module.
fn file_of(module: &ItemMod, folder: &Path) -> Option<PathBuf> {
    let name = module.ident.to_string();
    [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")]
        .into_iter()
        .find(|file| file.is_file())
}

/// Returns the name that an item defines, except for modules and imports.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

/// True for `#[cfg(test)]`, alone or with other conditions.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.tokens.clone().into_iter().any(|token| mentions_test(&token))
        }
        _ => attribute.path().is_ident("test"),
    })
}

fn mentions_test(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(ident) => ident == "test",
        TokenTree::Group(group) => group.stream().into_iter().any(|token| mentions_test(&token)),
        _ => false,
    }
}

/// Collects the imports and mentions of one module.
struct Reader {
    module: Module,
    children: BTreeSet<String>,
}

impl Reader {
    /// Returns a path from the crate's root, unless it is into another crate.
    fn absolute(&self, path: &[String]) -> Option<Segments> {
        let mut own = self.module.path.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                own.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {}
            first if self.children.contains(first) => {}
            first => {
                let target = self.module.uses.get(first)?;
                return Some([target, &rest[1..]].concat());
            }
        }
        while let Some((first, others)) = rest.split_first()
            && first == "super"
        {
            own.pop();
            rest = others;
        }
        Some([&own, rest].concat())
    }

    fn mention(&mut self, path: &[String]) {
        if let Some(absolute) = self.absolute(path) {
            self.module.mentions.insert(absolute);
        }
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String]) {
        let joined = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &joined(&path.ident)),
            UseTree::Name(name) if name.ident == "self" => {
                self.declare(prefix.last().cloned().unwrap_or_default(), prefix);
            }
            UseTree::Name(name) => self.declare(name.ident.to_string(), &joined(&name.ident)),
            UseTree::Rename(name) => self.declare(name.rename.to_string(), &joined(&name.ident)),
            UseTree::Glob(_) => {
                if let Some(absolute) = self.absolute(prefix) {
                    self.module.globs.push(absolute.clone());
                    self.module.mentions.insert(absolute);
                }
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, prefix)),
        }
    }

    fn declare(&mut self, name: String, path: &[String]) {
        if let Some(absolute) = self.absolute(path) {
            self.module.mentions.insert(absolute.clone());
            self.module.uses.insert(name, absolute);
        }
    }

    /// Mentions the paths in a macro's arguments that start with `crate`, `self`, or `super`.
    fn mention_tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other => {
                    self.mention_rooted(&path);
                    path.clear();
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.mention_tokens(group.stream()),
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
        }
        self.mention_rooted(&path);
    }

    fn mention_rooted(&mut self, path: &[String]) {
        if path.len() > 1 && matches!(path[0].as_str(), "crate" | "self" | "super") {
            self.mention(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(_) => return,
            Item::Use(item) if is_test(&item.attrs) => return,
            Item::Use(item) => return self.import(&item.tree, &[]),
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 && path.leading_colon.is_none() {
            self.mention(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.mention_tokens(invoked.tokens.clone());
        visit::visit_macro(self, invoked);
    }
}
