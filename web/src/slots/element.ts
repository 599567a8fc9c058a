// <footfall-slot slot="…">: fills its <template> with texts, and empties itself when there is nothing to say.
import type { Answer, Answers, Value } from "./answers";

const SEEN = 0.5; // of its area

const isSafe = (link: string): boolean => /^https?:$/.test(new URL(link, location.href).protocol);

/** The template's content with fields as texts; addresses only where they lead to a page. */
export const filled = (template: HTMLTemplateElement, fields: Record<string, Value>): DocumentFragment => {
  const made = document.importNode(template.content, true);
  made.querySelectorAll<HTMLElement>("[data-field]").forEach((node) => {
    node.textContent = `${fields[node.dataset.field!] ?? ""}`;
  });
  for (const name of ["href", "src"]) {
    made.querySelectorAll(`[data-${name}]`).forEach((node) => {
      const link = fields[node.getAttribute(`data-${name}`)!];
      if (typeof link === "string" && isSafe(link)) node.setAttribute(name, link);
    });
  }
  return made;
};

/** The element's class, over the page's answers. */
export const slotElement = (answers: Answers, want: () => void): CustomElementConstructor =>
  class extends HTMLElement {
    private nodes: ChildNode[] = [];
    private leave: (() => void) | undefined;
    private watcher: IntersectionObserver | undefined;

    connectedCallback(): void {
      const name = this.getAttribute("slot") || "";
      this.leave = answers.subscribe(name, () => this.show(answers.get(name)));
      this.show(answers.get(name));
      want();
    }

    disconnectedCallback(): void {
      this.leave?.();
      this.empty();
    }

    private show(answer: Answer | undefined): void {
      const before = this.nodes.length;
      this.empty();
      const template = this.querySelector("template");
      if (template && answer && Object.keys(answer.fields).length) {
        const made = filled(template, answer.fields);
        this.nodes = [...made.childNodes];
        this.append(made);
        this.tellWhenSeen(answer);
      }
      this.toggleAttribute("filled", this.nodes.length > 0);
      if (before || this.nodes.length) this.dispatchEvent(new CustomEvent("footfall:slot", { bubbles: true, detail: answer }));
    }

    private empty(): void {
      this.watcher?.disconnect();
      this.onclick = null;
      this.nodes.forEach((node) => node.remove());
      this.nodes = [];
    }

    /** The page reports what was visible; the API knows what it has decided for whom. */
    private tellWhenSeen({ slot, content }: Answer): void {
      if (!content) return;
      const report = (name: string): void =>
        window.footfall?.track(name, { promotion_id: content, creative_slot: slot });
      this.watcher = new IntersectionObserver(
        (rows) => {
          if (!rows.some((row) => row.isIntersecting)) return;
          this.watcher!.disconnect();
          report("view_promotion");
        },
        { threshold: SEEN },
      );
      this.watcher.observe(this);
      this.onclick = () => report("select_promotion");
    }
  };
